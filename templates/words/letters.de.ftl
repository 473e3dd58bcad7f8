# Was E-Mails und SMS sagen, auf Deutsch. Siehe letters.en.ftl.

letter-greeting = Guten Tag,
letter-greeting-name = Guten Tag { $name },
letter-copy = Oder kopieren Sie diese Adresse in Ihren Browser:
letter-nowhere = unbekannt
letter-browser =
    { $browser ->
        [none] { $system ->
            [none] eine unbekannte App
           *[other] eine App
        }
       *[other] { $browser }
    }{ $system ->
        [none] { "" }
        [iPhone] { " " }auf einem iPhone
        [iPad] { " " }auf einem iPad
        [Mac] { " " }auf einem Mac
       *[other] { " " }unter { $system }
    }
letter-minutes =
    { $number ->
        [one] 1 Minute
       *[other] { $number } Minuten
    }
letter-hours =
    { $number ->
        [one] 1 Stunde
       *[other] { $number } Stunden
    }
letter-purpose =
    { $purpose ->
        [verify] um Ihre E-Mail-Adresse bei { $app } zu bestätigen
        [password] um ein neues Passwort bei { $app } zu wählen
        [enrol] um Codes zum Anmelden bei { $app } einzuschalten
        [prove] um eine Änderung an Ihrem Konto bei { $app } zu bestätigen
       *[sign-in] um sich bei { $app } anzumelden
    }

letter-code = Ihr Code für { $app }
    .text =
        Hier ist Ihr Code, { letter-purpose }:

        { $code }

        Er gilt einmal und { letter-minutes } lang.

        Angefordert wurde er von: { $browser } (IP-Adresse { $ip }). Wenn Sie das
        nicht waren, lassen Sie diese Nachricht liegen und geben Sie den Code
        niemandem, auch niemandem, der angeblich für { $app } arbeitet.
letter-link = Ihr Link für { $app }
    .text =
        Folgen Sie diesem Link, { letter-purpose }:

        { $url }

        Er gilt einmal und { letter-minutes } lang.

        Angefordert wurde er von: { $browser } (IP-Adresse { $ip }). Wenn Sie das
        nicht waren, lassen Sie diese Nachricht liegen und geben Sie den Link
        niemandem, auch niemandem, der angeblich für { $app } arbeitet.
letter-verify = Bestätigen Sie Ihre E-Mail-Adresse bei { $app }
    .text =
        Bitte bestätigen Sie, dass das Ihre E-Mail-Adresse ist:

        { $url }

        Der Link gilt { letter-hours } lang. Wenn Sie ihn nicht angefordert haben, lassen
        Sie diese Nachricht liegen: Es ändert sich nichts.
letter-change = Bestätigen Sie Ihre neue E-Mail-Adresse bei { $app }
    .text =
        Sie wollen { $email } für Ihr Konto bei { $app } verwenden. Bitte
        bestätigen Sie die Änderung:

        { $url }

        Bis dahin bleibt Ihre alte Adresse. Wenn Sie das nicht wollten, lassen Sie
        diese Nachricht liegen.
letter-changing = Ihre E-Mail-Adresse bei { $app } soll sich ändern
    .text =
        Jemand, der in Ihrem Konto bei { $app } angemeldet ist, will dessen
        E-Mail-Adresse von dieser auf { $email } ändern.

        Wenn Sie das waren, ist hier nichts weiter zu tun.
letter-password = Ihr Passwort bei { $app } zurücksetzen
    .text =
        Wählen Sie hier ein neues Passwort für Ihr Konto bei { $app }:

        { $url }

        Der Link gilt einmal und { letter-minutes } lang. Wenn Sie ihn nicht angefordert
        haben, lassen Sie diese Nachricht liegen: Ihr Passwort bleibt, wie es ist.
letter-delete = Bestätigen Sie, dass Ihr Konto bei { $app } gelöscht werden soll
    .text =
        Sie wollen Ihr Konto bei { $app } löschen. Das lässt sich nicht rückgängig
        machen. Wenn Sie sicher sind, bestätigen Sie es hier:

        { $url }

        Wenn Sie das nicht wollten, öffnen Sie den Link nicht, und ändern Sie Ihr
        Passwort: Vielleicht kennt es jemand.
letter-recover = Wieder in Ihr Konto bei { $app } kommen
    .text =
        Jemand, wir hoffen Sie, hat den zweiten Schritt zum Anmelden bei
        { $app } verloren und will wieder hinein. Das beginnt hier:

        { $url }

        Der Link gilt einmal und { letter-minutes } lang. Mit einem Backup-Code sind Sie
        sofort wieder drin; sonst gibt es eine Wartezeit.

        Angefordert wurde er von: { $browser } (IP-Adresse { $ip }). Wenn Sie das
        nicht waren, lassen Sie diese Nachricht liegen und geben Sie den Link
        niemandem: Solange ihm niemand folgt, geschieht nichts.

letter-due = Ihr Konto bei { $app } braucht ab { $day } einen zweiten Faktor
    .text =
        Ab { $day } braucht die Anmeldung bei { $app } einen zweiten Faktor, und Ihr
        Konto hat keinen, der zählt. Richten Sie jetzt einen ein, das dauert eine Minute:

        { $url }

        Ohne ihn können Sie von diesem Tag an nichts anderes tun, bis er eingerichtet ist.

letter-use-mailbox = Dieses Postfach verwenden
letter-continue = Weiter anmelden
letter-confirm = E-Mail-Adresse bestätigen
letter-choose = Neues Passwort wählen
letter-delete-it = Mein Konto löschen
letter-get-back = Wieder hinein
letter-due-add = Zweiten Faktor einrichten
letter-stop = Anhalten: Das bin nicht ich
letter-not-me = Das war ich nicht
letter-status = Nachsehen, wie es steht

## Wie eine Wiederherstellung steht

letter-recovery-begun = Jemand will ohne den zweiten Schritt in Ihr Konto bei { $app }
    .text =
        Jemand, der Ihre Post lesen kann, will ohne den zweiten Schritt in Ihr
        Konto bei { $app }. Noch hat sich nichts geändert. Wenn es niemand
        anhält, geht das ab { $ready }.
letter-recovery-shortening = Ihre Wiederherstellung bei { $app } könnte schneller gehen
    .text =
        Jemand von der Verwaltung sagt, dass Sie es sind, der ohne den zweiten
        Schritt in Ihr Konto bei { $app } will, und möchte die Wartezeit verkürzen.
        Erst muss jemand anderes von der Verwaltung zustimmen.
letter-recovery-shortened = Ihre Wiederherstellung bei { $app } geht schneller
    .text =
        Jemand von der Verwaltung sagt, dass Sie es sind, der ohne den zweiten
        Schritt in Ihr Konto bei { $app } will, und hat die Wartezeit verkürzt.
        Wenn es niemand anhält, geht das ab { $ready }.
letter-recovery-ready = Ihre Wiederherstellung bei { $app } kann abgeschlossen werden
    .text =
        Die Wartezeit ist um. Wer ohne den zweiten Schritt in Ihr Konto bei { $app }
        wollte, kann es jetzt: in dem Browser, in dem darum gebeten wurde, oder
        mit dem Code, der dort gezeigt wurde.
letter-recovery-vetoed = Die Wiederherstellung Ihres Kontos bei { $app } wurde angehalten
    .text =
        Niemand kam in Ihr Konto bei { $app }, und nichts daran hat sich geändert.
        Wenn nicht Sie darum gebeten haben, kann jemand Ihre Post lesen: Ändern Sie
        zuerst das Passwort Ihres Postfachs, und dann das Ihres Kontos bei { $app }.
letter-recovery-completed = Ihr Konto bei { $app } wurde wiederhergestellt
    .text =
        Jemand kam ohne den zweiten Schritt in Ihr Konto bei { $app }. Seine Arten
        der Anmeldung, Backup-Codes, vertrauten Geräte, API-Schlüssel und Sitzungen
        sind fort, und sein altes Passwort auch. Wenn Sie das nicht waren, sagen Sie
        es jetzt Ihrer Verwaltung.
letter-recovery-links =
    Wenn Sie es nicht sind, halten Sie es hier an:

    { $stop }

    Wie es steht, sehen Sie hier:

    { $status }
letter-recovery-from =
    Darum gebeten wurde von: { $browser }
    (IP-Adresse { $ip }). Diese Nachricht wurde am { $at } geschrieben.

## Hinweise

letter-at = { $day } um { $time } UTC
letter-method =
    { $method ->
        [email_code] Codes per E-Mail
        [sms_code] Codes per SMS
        [passkey] einen Passkey
        [backup_code] Backup-Codes
        [password] ein Passwort
       *[totp] Codes aus einer Authenticator-App
    }

notice-added = Ihr Konto bei { $app } hat eine neue Art der Anmeldung
    .text = Ihr Konto bei { $app } nimmt jetzt { letter-method } an.
notice-removed = Eine Art der Anmeldung bei { $app } wurde entfernt
    .text = Ihr Konto bei { $app } nimmt { letter-method } nicht mehr an.
notice-backup-code = Ein Backup-Code Ihres Kontos bei { $app } wurde benutzt
    .text =
        Einer Ihrer Backup-Codes wurde gerade benutzt, um sich bei { $app } anzumelden.
        { $number ->
            [0] Es war der letzte: Bitte machen Sie neue.
            [one] Sie haben noch 1: Bitte machen Sie bald neue.
           *[other] Sie haben noch { $number }.
        }
notice-backup-codes = Neue Backup-Codes für Ihr Konto bei { $app }
    .text =
        Für Ihr Konto bei { $app } wurden neue Backup-Codes gemacht. Die früheren
        gelten nicht mehr.
notice-trusted = Ihr Konto bei { $app } vertraut einem neuen Gerät
    .text =
        Einem Browser wurde vertraut: Eine Zeit lang kann er sich ohne den zweiten
        Schritt in Ihrem Konto bei { $app } anmelden.
notice-trust-stolen = Ein vertrautes Gerät Ihres Kontos bei { $app } wurde entfernt
    .text =
        Ein Browser, der den zweiten Schritt Ihres Kontos bei { $app } überspringen
        darf, zeigte eine alte Kopie seines Zeichens, zusammen mit Ihrem Passwort.
        Vielleicht hat jemand es kopiert: Dieser Browser wird wieder gefragt.
notice-passkey-cloned = Ein Passkey Ihres Kontos bei { $app } wurde gesperrt
    .text =
        Einer Ihrer Passkeys wurde so benutzt, wie es nur eine Kopie davon könnte. Er
        öffnet Ihr Konto bei { $app } nicht mehr. Melden Sie sich anders an,
        entfernen Sie ihn und richten Sie einen neuen ein.
notice-reset = Ihr zweiter Faktor bei { $app } wurde zurückgesetzt
    .text =
        Jemand von der Verwaltung hat aus Ihrem Konto bei { $app } jede Art der
        Anmeldung außer dem Passwort entfernt und alle Sitzungen beendet. Richten Sie
        sich neu ein, wenn Sie sich das nächste Mal anmelden.
notice-api-key = Ihr Konto bei { $app } hat einen neuen API-Schlüssel
    .text =
        Für Ihr Konto bei { $app } wurde ein API-Schlüssel gemacht. Wer ihn hat,
        handelt für Sie, ohne nach einem zweiten Faktor gefragt zu werden.
notice-session-stolen = Eine Sitzung Ihres Kontos bei { $app } wurde beendet
    .text =
        Ein Token Ihres Kontos bei { $app } wurde zweimal benutzt, vielleicht hat
        jemand es kopiert. Die Sitzung, zu der es gehörte, wurde beendet.
notice-mailbox = Post für Ihr Konto bei { $app } geht woandershin
    .text =
        Die Anwendung, die Ihr Konto führt, hat uns eine andere E-Mail-Adresse für
        Sie gegeben. Codes und Hinweise gehen von jetzt an dorthin.
notice-password-changed = Ihr Passwort bei { $app } wurde geändert
    .text = Das Passwort Ihres Kontos bei { $app } wurde geändert.
notice-password-removed = Das Passwort Ihres Kontos bei { $app } wurde entfernt
    .text =
        Sie haben per E-Mail gezeigt, dass diese Adresse Ihnen gehört. Wer das Passwort
        Ihres Kontos bei { $app } gesetzt hatte, hat das nie gezeigt: Darum wurde es
        entfernt, und alle anderen Sitzungen wurden beendet. Sie können ein neues setzen.
notice-failed = Jemand kam bei { $app } nicht bis in Ihr Konto
    .text =
        Jemand hat das richtige Passwort Ihres Kontos bei { $app } eingegeben, aber
        den zweiten Schritt nicht geschafft. Er ist nicht drin.
notice-blocked = Zu viele falsche Codes für Ihr Konto bei { $app }
    .text =
        Für Ihr Konto bei { $app } gab es zu viele falsche Codes hintereinander. Es
        nimmt eine Zeit lang keine mehr an.

notice-ended = Alle wurden aus Ihrem Konto bei { $app } abgemeldet
    .text =
        Jemand, der dieses Postfach liest, hat gesagt, dass das, was in Ihrem Konto bei
        { $app } geschah, nicht von ihm kam. Alle Sitzungen, vertrauten Browser und
        API-Schlüssel endeten sofort, und das Passwort gilt nicht mehr.
notice-ended-moved = Alle wurden aus Ihrem Konto bei { $app } abgemeldet
    .text =
        Jemand, der das frühere Postfach Ihres Kontos bei { $app } liest, hat gesagt,
        dass das, was darin geschah, nicht von ihm kam. Alle Sitzungen, vertrauten
        Browser und API-Schlüssel endeten sofort. Das Passwort gilt weiter.

notice-happened =
    Das geschah am { $at }, von: { $browser }
    (IP-Adresse { $ip }).
notice-advice =
    Wenn Sie das waren, ist nichts zu tun.
notice-advice-ended =
    Setzen Sie jetzt ein neues Passwort. Melden Sie sich dann an und entfernen Sie
    jeden zweiten Faktor, der nicht Ihrer ist.
notice-advice-external =
    Wenn Sie das waren, ist nichts zu tun. Wenn nicht, sagen Sie es der Anwendung,
    für die Sie Ihren zweiten Schritt benutzen.
notice-advice-guessed =
    Wenn Sie das waren, versuchen Sie es einfach noch einmal. Wenn nicht, kennt
    vielleicht jemand Ihr Passwort.
notice-advice-reset = Wenn Sie nicht darum gebeten haben, sagen Sie es jetzt Ihrer Verwaltung.
notice-not-me =
    Wenn Sie das nicht waren, sagen Sie es hier. Alle werden aus Ihrem Konto
    abgemeldet, vertraute Browser und API-Schlüssel enden, und das Passwort gilt nicht
    mehr:

    { $url }

    Der Link wirkt einmal, 7 Tage lang. Danach setzen Sie ein neues Passwort.

## SMS: Die meisten Telefone zeigen etwa 160 Zeichen

text-code = { $code } ist Ihr Code, { letter-purpose }. Er gilt einmal, { letter-minutes } lang. Angefordert: { $browser }, { $ip }. Geben Sie ihn niemandem.
text-link = { $headline }: { $url }
text-notice = { $headline }. Wenn Sie das nicht waren, melden Sie sich an und ändern Sie Ihr Passwort.
