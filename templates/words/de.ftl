# Alles, was die Seiten sagen, auf Deutsch. Siehe en.ftl.

## Überall

languages = Sprache
go-on = Weiter
or = oder
not-now = Jetzt nicht
another-way = Anderer Weg
confirm = Bestätigen
remove = Entfernen
cancel = Alles lassen, wie es ist
sign-in = Anmelden
email-address = E-Mail-Adresse
password = Passwort
your-password = Ihr Passwort
thank-you = Danke
back-to-account = Zurück zu Ihrem Konto
mailbox-title = Sehen Sie in Ihr Postfach

in-span =
    { $unit ->
        [second] { $number ->
            [one] in 1 Sekunde
           *[other] in { $number } Sekunden
        }
        [minute] { $number ->
            [one] in 1 Minute
           *[other] in { $number } Minuten
        }
        [hour] { $number ->
            [one] in 1 Stunde
           *[other] in { $number } Stunden
        }
       *[day] { $number ->
            [one] in 1 Tag
           *[other] in { $number } Tagen
        }
    }
span =
    { $unit ->
        [second] { $number ->
            [one] 1 Sekunde
           *[other] { $number } Sekunden
        }
        [minute] { $number ->
            [one] 1 Minute
           *[other] { $number } Minuten
        }
        [hour] { $number ->
            [one] 1 Stunde
           *[other] { $number } Stunden
        }
       *[day] { $number ->
            [one] 1 Tag
           *[other] { $number } Tage
        }
    }

browser =
    { $browser ->
        [none] Eine App
       *[other] { $browser }
    }{ $system ->
        [none] { "" }
        [iPhone] { " " }auf einem iPhone
        [iPad] { " " }auf einem iPad
        [Mac] { " " }auf einem Mac
       *[other] { " " }unter { $system }
    }
browser-at = { $browser }, { $ip }

## Ablehnungen

wrong-title = Das hat nicht geklappt
wrong = Das hat nicht geklappt. Versuchen Sie es noch einmal.
wrong-password = Das ist nicht das Passwort.
wrong-code = Dieser Code stimmt nicht, oder er wurde schon benutzt. Nehmen Sie den nächsten.
wrong-code-scan-again = Dieser Code stimmt nicht, oder er wurde schon benutzt. Scannen Sie den neuen Code unten.
locked-scan-again = Zu viele falsche Codes. Versuchen Sie es { in-span } wieder, mit dem neuen Code unten.
code-expired = Dieser Code ist zu alt. Fordern Sie einen neuen an.
too-many-attempts = Zu viele falsche Codes. Melden Sie sich neu an.
locked = Zu viele falsche Codes. Versuchen Sie es { in-span } wieder.
too-soon = Ein Code ist schon unterwegs. Den nächsten gibt es { in-span }.
texts-paused = Zurzeit gibt es keine SMS mehr. Nehmen Sie einen anderen Weg.
challenge-gone = Das hat zu lange gedauert. Melden Sie sich neu an.
too-many-apps = Mehr Authenticator-Apps können es nicht sein. Entfernen Sie erst eine.
not-permitted = So weit reicht Ihre Rolle nicht.
no-such-person = Diese Person gibt es nicht.
busy = Hier ist gerade viel los. Versuchen Sie es gleich noch einmal.
broken = Hier ist etwas schiefgegangen. Versuchen Sie es noch einmal.
foreign-form = Formulare müssen von unseren eigenen Seiten kommen.
too-fast = Das war zu viel auf einmal. Versuchen Sie es in einer Minute wieder.
unreadable = Was gesendet wurde, ließ sich nicht lesen.
sign-in-first = Melden Sie sich zuerst an.
prove-first = Bestätigen Sie zuerst, dass Sie es sind.
bad-credentials = Diese Adresse oder dieses Passwort stimmt nicht.
email-invalid = Das ist keine E-Mail-Adresse.
email-unverified = Bestätigen Sie zuerst Ihre Adresse: Folgen Sie dem Link, den wir Ihnen gemailt haben.
email-taken = Zu dieser Adresse gibt es ein Konto. Melden Sie sich damit an.
password-short = Dieses Passwort ist zu kurz.
password-long = Dieses Passwort ist zu lang.
password-common = Dieses Passwort gehört zu denen, die zuerst geraten werden.
link-dead = Dieser Link wurde schon benutzt oder ist zu alt.
link-dead-ask-again = Dieser Link wurde schon benutzt oder ist zu alt. Fordern Sie einen neuen an.

## Anmelden und Konto anlegen

sign-in-passkey = Mit einem Passkey
sign-in-mail = Code per E-Mail
sign-in-create = Konto anlegen
sign-in-forgotten = Passwort vergessen
sign-in-lost = Zweiten Faktor verloren
sign-up-title = Konto anlegen
sign-up-name = Name
sign-up-rule = Lang ist besser als kompliziert. Leerzeichen sind erlaubt, Einfügen auch.
sign-up-button = Konto anlegen
sign-up-have-one = Ich habe ein Konto
sign-up-mailed = Folgen Sie dem Link, den wir Ihnen gemailt haben, und melden Sie sich dann an.
mail-title = Per E-Mail anmelden
mail-code = Code aus der E-Mail
mail-send = Code mailen
mail-send-another = Noch einen mailen
mail-sent = Wenn wir an { $email } schreiben dürfen, ist ein Code unterwegs.
link-title = Bei { $app } anmelden
link-lead = Anmelden als { $email }.
link-elsewhere = Dieser Link wurde in einem anderen Browser angefordert. Machen Sie nur weiter, wenn Sie das waren: Sie werden hier angemeldet.
link-account = Konto
link-asked-by = Angefordert von
link-asked-at = Von der Adresse

## Passwörter und Adressen

password-title = Passwort vergessen
password-set-title = Neues Passwort wählen
password-new = Neues Passwort
password-rule = Lang ist besser als kompliziert. Alle Sitzungen enden, und Ihr zweiter Faktor bleibt.
password-set = Passwort setzen
password-send = Link mailen
password-sent = Wenn es zu dieser Adresse ein Konto gibt, ist ein Link unterwegs.
password-done-title = Fertig
password-done = Das neue Passwort ist gesetzt, und alle Sitzungen sind beendet.
verify-title = Adresse bestätigen
verify-lead = Sagen Sie, dass diese Adresse Ihnen gehört.
verify-button = Sie gehört mir
verify-done = Ihre Adresse ist bestätigt.
verify-changed = Ihr Konto hat die neue Adresse.

## Der zweite Schritt

challenge-title = Bestätigen Sie, dass Sie es sind
challenge-passkey = Passkey benutzen
challenge-no-script = Passkeys brauchen JavaScript.
challenge-code-any = Code aus Ihrer Authenticator-App, oder ein Backup-Code
challenge-code-app = Code aus Ihrer Authenticator-App
challenge-code-sheet = Ein Backup-Code
challenge-code-sent = Der Code, den wir Ihnen geschickt haben
challenge-from = Er kommt aus
challenge-from-app = der App
challenge-from-app-or-sheet = der App oder den gedruckten Codes
challenge-from-mail = einer E-Mail an { $to }
challenge-from-sms = einer SMS an { $to }
challenge-last-used = Zuletzt benutzt
challenge-trust =
    { $number ->
        [one] Diesem Browser vertrauen: hier 1 Tag lang nicht mehr fragen
       *[other] Diesem Browser vertrauen: hier { $number } Tage lang nicht mehr fragen
    }
challenge-trust-note = { $browser }. In Ihrem Konto können Sie das jederzeit zurücknehmen.
trust-title = Diesem Browser vertrauen?
trust-lead =
    { $number ->
        [one] 1 Tag lang würden Sie hier nicht nach dem zweiten Schritt gefragt. Sagen Sie nur dort Ja, wo sich sonst niemand anmeldet.
       *[other] { $number } Tage lang würden Sie hier nicht nach dem zweiten Schritt gefragt. Sagen Sie nur dort Ja, wo sich sonst niemand anmeldet.
    }
trust-yes = Diesem Browser vertrauen
challenge-mail = Code an { $to } mailen
challenge-sms = SMS-Code an { $to } senden
challenge-sent = Ein Code ist unterwegs an { $to }.
challenge-password = Mit dem Passwort bestätigen
challenge-lost = Nichts davon geht
request-asks = fragt { $person }
request-asks-why = fragt { $person }: { $reason }
request-agree = Sie stimmen zu

spent-title = Ein Backup-Code hat Sie angemeldet
spent-lead = Wenn Ihr Telefon oder Ihr Schlüssel für immer weg ist, nehmen Sie es aus Ihrem Konto und richten Sie etwas anderes ein. Wenn es jemand anderes haben könnte, beenden Sie dort auch die anderen Sitzungen.
spent-account = Mein Konto ansehen

## Seiten für Anwendungen

prove-over = Das ist vorbei: Es wurde beantwortet oder hat zu lange gedauert. Gehen Sie zurück, woher Sie kamen, und beginnen Sie neu.
prove-choose-title = Zweiten Schritt einrichten
prove-choose-lead = Von jetzt an öffnen zwei Dinge Ihr Konto dort: Ihr Passwort und eines von diesen. Wählen Sie das erste.
prove-nothing = Nichts von dem, was verlangt wird, lässt sich hier benutzen.
prove-passkey = Ein Passkey
prove-passkey-why = Ihr Gesicht, Ihr Finger oder die PIN dieses Geräts. Am sichersten.
prove-totp = Eine Authenticator-App
prove-totp-why = Sechs Ziffern aus einer App auf Ihrem Telefon, auch ohne Netz.
prove-sms = SMS
prove-sms-why = Jedes Mal ein Code auf Ihr Telefon.
prove-email = E-Mail
prove-email-why = Jedes Mal ein Code in Ihr Postfach.
prove-right = Das war richtig. Gehen Sie zurück zu { $application }.
prove-done = Sie können diese Seite schließen und zurückgehen, woher Sie kamen.

## Einrichten

totp-title = Authenticator-App einrichten
totp-required = { $app } verlangt einen zweiten Faktor. Richten Sie einen ein, dann geht es weiter.
totp-scan = Scannen Sie das mit einer Authenticator-App: Aegis, 2FAS, Google oder Microsoft Authenticator, 1Password, Bitwarden und dergleichen.
totp-open = Auf diesem Gerät öffnen
totp-cannot-scan = Scannen geht nicht? Tippen Sie das in die App:
totp-code = Die sechs Ziffern, die sie zeigt
totp-name = Wie sie heißen soll
totp-example = Mein Telefon
totp-passkey-instead = Stattdessen einen Passkey
qr-label = Ein Code zum Scannen mit einer Authenticator-App
copy = Kopieren
copied = Kopiert
copy-failed = Kopieren ging nicht
passkey-title = Passkey einrichten
passkey-lead = Ein Passkey meldet Sie mit Ihrem Gesicht, Ihrem Finger oder der PIN Ihres Geräts an. Niemand kann ihn erraten, und keine Seite kann ihn Ihnen abschwatzen.
passkey-name = Wie er heißen soll
passkey-example = Mein Laptop
passkey-button = Passkey einrichten
passkey-no-script = Passkeys brauchen JavaScript. Eine Authenticator-App nicht.
passkey-to-app = Authenticator-App einrichten
passkey-cancelled = Abgebrochen, oder hier ist kein Passkey dieses Kontos. Versuchen Sie es noch einmal, oder nehmen Sie einen anderen Weg.
passkey-known = Dieses Gerät hat schon einen Passkey für dieses Konto.
passkey-insecure = Browser benutzen Passkeys nur über https, und diese Seite kam anders.
passkey-unsupported = Dieser Browser kann keine Passkeys benutzen.
test-title = „{ $name }“ prüfen
test-lead = Ihr Browser fragt nach genau diesem Passkey. Er muss Sie erkennen: am Gesicht, am Finger oder an der PIN.
test-button = Diesen Passkey prüfen
test-works = Er geht, und er hat Sie erkannt.
sms-title = Codes per SMS
sms-lead = Wir senden jedes Mal einen Code an Ihr Telefon. Wer Ihre Nummer übernimmt, bekommt ihn auch: Eine App oder ein Passkey ist sicherer.
sms-phone = Telefonnummer, mit Land
sms-send = Code senden
sms-send-another = Noch einen senden
sms-off = Von hier werden keine SMS gesendet.
email-title = Codes per E-Mail
email-lead = Wir mailen jedes Mal einen Code an Ihre Adresse. Wer Ihre Post liest, bekommt ihn auch: Eine App oder ein Passkey ist sicherer.
email-send = Code mailen
email-send-another = Noch einen mailen
email-mailed = Wir haben Ihnen einen Link gemailt. Folgen Sie ihm, dann sind Codes per E-Mail eingeschaltet.
email-link-lead = Von jetzt an kann ein Code per E-Mail Ihr zweiter Schritt sein.
email-link-button = Einschalten
email-link-done = Sie sind eingeschaltet.
email-link-dead = Dieser Link wurde schon benutzt, ist zu alt, oder die Sitzung, die ihn angefordert hat, ist beendet.
email-to-account = Zu Ihrem Konto
codes-title = Ihre Backup-Codes
codes-lead = Jeder davon lässt Sie einmal hinein, wenn Ihr Telefon oder Schlüssel nicht zur Hand ist. Sie werden jetzt gezeigt und nie wieder: Drucken Sie sie aus, oder bewahren Sie sie auf, wo Ihre Passwörter liegen.
codes-file = backup-codes
codes-file-head = Backup-Codes für { $account } bei { $app }, { $day }. Jeder gilt einmal.
codes-download = Herunterladen
codes-print = Drucken
codes-saved = Ich habe diese Codes sicher aufbewahrt
codes-go-on = Weiter

## Das Konto

account-title = Ihr Konto
account-recovering = Jemand will ohne den zweiten Schritt in dieses Konto. Das geht ab { $since } ({ $browser }).
account-stop = Das war nicht ich: anhalten
account-guarded = Ihr Konto hat einen zweiten Faktor.
account-guarded-required = Ihr Konto hat einen zweiten Faktor, und der ist hier Pflicht.
account-open = Ein Passwort allein öffnet dieses Konto. Richten Sie einen zweiten Faktor ein.
due-title = Bald braucht es einen zweiten Faktor
due-lead = Ab { $day } verlangt { $app } einen zweiten Faktor. Bis dahin können Sie es aufschieben; danach geht nichts anderes, bevor Sie einen haben, der zählt.
account-factors = Zweite Faktoren
account-since = seit { $day }
account-passkey = Passkey, seit { $day }
account-app = Authenticator-App, seit { $day }
account-synced = synchronisiert
account-bound = auf einem Gerät
account-more = Mehr
account-rename = Umbenennen
account-model =
    { $model ->
        [none] Ein unbekanntes Modell
       *[other] { $model }
    }; erreichbar über: { $ways }; gezählte Benutzungen: { $counter }.
account-last-used = zuletzt benutzt { $day }
account-never-used = nie benutzt
account-suspended = gesperrt: Eine Kopie davon wurde benutzt
account-add-passkey = Passkey einrichten
account-add-totp = Authenticator-App einrichten
account-add-another-totp = Noch eine Authenticator-App
account-add-sms = Telefon hinzufügen
account-add-email = Codes per E-Mail
account-one-way = Richten Sie einen weiteren ein: Wer den einzigen verliert, wartet auf die Wiederherstellung.
account-codes = Backup-Codes
account-codes-left =
    { $number ->
        [0] Von { $all } ist keiner übrig. Machen Sie neue.
        [1] Von { $all } ist noch 1 übrig. Machen Sie neue.
        [2] Von { $all } sind noch 2 übrig. Machen Sie neue.
        [3] Von { $all } sind noch 3 übrig. Machen Sie neue.
       *[other] Von { $all } sind noch { $number } übrig.
    }
account-codes-used = Welche benutzt wurden
account-code-used =
    { $place ->
        [none] Einer
       *[other] Nr. { $place }
    }: { $at } UTC
account-codes-new = Neue machen
account-codes-new-note = Neue Codes beenden die alten sofort.
account-devices = Vertraute Browser
account-trusted-until = vertraut bis { $day }
account-forget = Vergessen
account-sessions = Sitzungen
account-from = von { $ip }
account-ends = endet { $day }
account-this-one = diese hier
account-end = Beenden
account-end-others = Alle anderen beenden
account-activity = Was zuletzt geschah
account-nothing = Noch nichts.
account-at = { $at } UTC
account-delete = Dieses Konto löschen
account-delete-lead = Alles davon geht: Faktoren, Sitzungen, vertraute Browser. Nichts bringt es zurück.
account-delete-button = Mein Konto löschen
account-delete-mailed = Wir haben Ihnen einen Link gemailt, der noch einmal fragt.
account-delete-wrong-password = Das ist nicht das Passwort. Es wurde nichts gelöscht.
account-delete-sole-owner = Sie besitzen als einzige Person eine Organisation mit anderen Mitgliedern. Machen Sie zuerst jemand anderen zum Besitzer.
account-delete-title = Konto löschen
account-delete-confirm = Alles davon geht auf einmal, und nichts bringt es zurück.
account-delete-it = Löschen
account-gone-title = Ihr Konto ist fort
account-gone = Es ist nichts mehr da, womit man sich anmelden könnte.
account-administration = Verwaltung
account-sign-out = Abmelden
remove-title = „{ $name }“ entfernen?
remove-left =
    { $number ->
        [0] Dann bleibt kein zweiter Faktor: Ein Passwort allein öffnet das Konto.
        [one] Dann bleibt 1 zweiter Faktor.
       *[other] Dann bleiben { $number } zweite Faktoren.
    }
remove-button = Entfernen

method-totp = Authenticator-App
method-email = Codes per E-Mail
method-sms = Codes per SMS
method-passkey = Passkey
method-backup-code = Backup-Codes
method-password = Passwort

event-signed-in = Angemeldet
event-wrong-code = Falscher Code
event-wrong-password = Falsches Passwort
event-factor-added = Zweiter Faktor eingerichtet
event-factor-removed = Zweiter Faktor entfernt
event-backup-code-used = Backup-Code benutzt
event-backup-codes-renewed = Neue Backup-Codes
event-browser-trusted = Browser vertraut
event-password-changed = Passwort geändert
event-email-changed = Adresse geändert
event-reset = Zweite Faktoren von der Verwaltung zurückgesetzt
event-recovery-begun = Wiederherstellung begonnen
event-recovery-completed = Wiederherstellung abgeschlossen
event-recovery-stopped = Wiederherstellung angehalten
event-passkey-copied = Kopierter Passkey abgelehnt
event-everything-ended = „Das war ich nicht“ gesagt; alles beendet

## Hinweise

not-me-title = Das waren nicht Sie?
not-me-lead = Alle werden aus Ihrem Konto abgemeldet, auch Sie. Vertraute Browser und API-Schlüssel enden, und das Passwort gilt nicht mehr, bis Sie ein neues setzen. Ihre zweiten Faktoren bleiben.
not-me-button = Das war ich nicht: alles beenden
not-me-dead = Dieser Link wurde benutzt oder ist zu alt. Wenn Sie sich anmelden können, beenden Sie Sitzungen in Ihrem Konto.
not-me-done-title = Alles ist beendet
not-me-done = Niemand ist mehr angemeldet, und das alte Passwort öffnet nichts. Setzen Sie ein neues, melden Sie sich an und entfernen Sie jeden zweiten Faktor, der nicht Ihrer ist.
not-me-done-moved = Niemand ist mehr angemeldet. Das Konto hat inzwischen eine andere E-Mail-Adresse: Wenn auch das nicht Sie waren, sagen Sie es denen, die das hier betreiben.

## Wiederherstellung

recovery-title = Wieder hineinkommen
recovery-lead = Telefon, Schlüssel oder Passkey verloren? Wir mailen Ihnen einen Link. Ihr Postfach allein öffnet das Konto erst nach einer Wartezeit; ein Backup-Code beendet sie sofort.
recovery-send = Link mailen
recovery-not-lost = Ich kann mich doch anmelden
recovery-sent = Wenn es ein Konto gibt, in das man zurückkommen kann, ist ein Link per E-Mail unterwegs.
recovery-begin-lead = Sie haben verloren, womit Sie das Anmelden bestätigen. Von hier an läuft eine Wartezeit, und alle, die in Ihrem Konto angemeldet sind oder Ihre Post lesen, erfahren davon und können es anhalten.
recovery-begin-button = Wartezeit beginnen
recovery-over-title = Diese Wiederherstellung ist vorbei
recovery-nothing = Es gibt nichts, worauf zu warten wäre.
recovery-nothing-to-stop = Es gibt nichts mehr anzuhalten.
recovery-nothing-to-complete = Es gibt nichts abzuschließen.
recovery-status-title = Ihre Wiederherstellung
recovery-state = Stand
recovery-state-pending = Wartet
recovery-state-ready = Die Wartezeit ist um
recovery-state-vetoed = Angehalten
recovery-state-completed = Abgeschlossen
recovery-state-expired = Niemand kam rechtzeitig zurück
recovery-state-cancelled = Vorbei
recovery-from = Begonnen mit
recovery-at = Von der Adresse
recovery-opens = Öffnet sich am
recovery-opens-at = { $day } um { $time } UTC
recovery-reference = Kennzeichen
recovery-claim = Schreiben Sie das auf; ohne es und ohne diesen Browser beginnen Sie von vorn:
recovery-backup-code = Ein Backup-Code beendet die Wartezeit
recovery-password = Ein neues Passwort
recovery-password-why = Anstelle des alten, wenn das Konto eines hat. Danach richten Sie einen neuen zweiten Faktor ein.
recovery-button = Wieder hinein
recovery-waiting = Noch nicht: noch { span }.
recovery-password-short = Wählen Sie ein neues, längeres Passwort.
recovery-stop-title = Waren Sie das?
recovery-stop-lead = Jemand, der Ihre Post lesen kann, will ohne den zweiten Schritt in Ihr Konto. Wenn Sie das nicht waren, halten Sie es an.
recovery-stopped-title = Angehalten
recovery-stopped = Es ist angehalten. Vielleicht liest jemand anderes Ihre Post: Ändern Sie das Passwort Ihres Postfachs.
recovery-stopped-password = Es ist angehalten. Vielleicht liest jemand anderes Ihre Post: Ändern Sie das Passwort Ihres Postfachs, und dann das hier.

## Verwaltung

admin = Verwaltung
admin-overview = Überblick
admin-people = Personen
admin-rules = Regeln
admin-look = Aussehen
admin-keys = Schlüssel und Webhooks
admin-journal = Journal
admin-your-account = Ihr Konto
admin-share = { $guarded } von { $people } haben einen zweiten Faktor ({ $share } %).
admin-fortnight = Die letzten vierzehn Tage
admin-passed = bestandene zweite Schritte
admin-refused = abgelehnte Codes
admin-nobody = Noch niemand hat etwas eingerichtet.
admin-any = Irgendeiner
admin-coverage-chart = Anteil der Personen mit einem zweiten Faktor
admin-days-chart = Bestandene Abfragen und abgelehnte Codes, nach Tagen

role-owner = Besitz
role-admin = Verwaltung
role-helpdesk = Helpdesk
role-billing = Abrechnung
role-workspaces = Arbeitsbereiche
role-member = Mitglied
role-external = Von einer Anwendung

people-search = Adresse, Name oder externe Kennung
people-search-button = Suchen
people-person = Person
people-role = Rolle
people-factors = Zweite Faktoren
people-none = keine
people-nobody = Niemand passt.
people-more = Mehr

person-title = Person
person-since = Seit
person-required = Pflicht
person-codes = Übrige Backup-Codes
person-recovering = Jemand will ohne den zweiten Faktor hinein. Das geht ab { $since } ({ $browser }).
person-no-sessions = Keine.
person-since-from = seit { $at }, von { $ip }
person-last-used = zuletzt benutzt { $at }
person-reset = Zurücksetzen
person-reset-lead = Nimmt dieser Person alle zweiten Faktoren, Backup-Codes, vertrauten Browser und Sitzungen. Sie erfährt davon und richtet sich neu ein. Vergewissern Sie sich, dass sie es wirklich ist, die darum bittet.
person-reset-reason = Warum, und woher Sie wissen, dass sie es ist
person-reset-button = { $name } zurücksetzen
person-reason-required = Sagen Sie, warum: Es kommt ins Journal.
person-role-what = Was sie darf
person-role-button = Rolle ändern
person-happened = Was geschah
person-all = Alles davon

rules-required = Alle brauchen einen zweiten Faktor
rules-required-from = Von diesem Tag an; leer ist sofort
rules-required-note = Bis dahin erfahren Mitglieder es beim Anmelden, und per E-Mail eine Woche und einen Tag vorher.
rules-counts = Was als einer zählt
rules-trust = Vertraute Browser überspringen den zweiten Schritt so viele Tage (0 heißt nie, höchstens 30)
rules-recovery = Wer nur das Postfach hat, wartet so viele Stunden (24 bis 720)
rules-forecast = Vorhersage: Wen würde das aufhalten?
rules-apply = Anwenden
forecast = Vorhersage
forecast-impossible = Nichts, was man einrichten kann, würde zählen: Das lässt sich nicht anwenden.
forecast-nobody =
    { $people ->
        [one] Ab { $day } würde das die 1 Person hier nicht aufhalten.
       *[other] Ab { $day } würde das niemanden aufhalten, von { $people }.
    }
forecast-stops = Ab { $day } würde das { $stopped } von { $people } aufhalten: Bis sie eingerichtet haben, was zählt, können sie nichts anderes tun.
forecast-none = kein zweiter Faktor
forecast-only = nur { $methods }

brand-lead = Jede Seite zeigt das Ihren Leuten, und denen, die Ihre Anwendungen hierher schicken.
brand-name = Name, anstelle des Namens dieses Servers
brand-colour = Farbe, als #rrggbb
brand-colour-note = Wo es zum Lesen nötig ist, wird sie in der Nacht heller.
brand-logo = Logo: PNG, JPEG oder WebP, bis { $number } KiB
brand-no-logo = Logo wegnehmen
brand-save = Speichern
brand-name-unfit = Der Name hat bis zu 60 Zeichen, die man lesen kann, und ist keine Adresse.
brand-colour-unfit = Eine Farbe ist # und sechs hexadezimale Ziffern.
brand-contrast-unfit = Diese Farbe hat auf der Seite einen Kontrast von { $contrast } zu 1, und zum Lesen braucht es { $least }. { $better } ginge.
brand-logo-unfit = Ein Logo ist ein Bild in PNG, JPEG oder WebP bis { $number } KiB.

keys-applications = Schlüssel von Anwendungen
keys-lead = Damit fragt eine Anwendung, die selbst anmeldet, nach zweiten Faktoren. Wer gefragt wird, liest den Namen des Schlüssels.
keys-revoke = Widerrufen
keys-name = Name
keys-return = Wohin Personen zurückgeschickt werden dürfen: ganze Adressen, durch Leerzeichen getrennt
keys-make = Schlüssel machen
keys-webhooks = Webhooks
keys-delete = Löschen
keys-url = Wohin Ereignisse gemeldet werden
keys-add = Webhook hinzufügen
keys-made = Der Schlüssel, jetzt gezeigt und nie wieder:
keys-made-webhook = Womit seine Unterschriften geprüft werden, jetzt gezeigt und nie wieder:
keys-ends = endet { $day }
keys-last-used = zuletzt benutzt { $at }
keys-never-used = nie benutzt
keys-failed = der letzte Versuch schlug fehl: { $why }
keys-sent = zuletzt gesendet { $at }
keys-unsent = noch nichts gesendet
keys-name-unfit = Ein Schlüssel braucht einen Namen, den man lesen kann.
keys-return-unfit = Personen werden an ganze https-Adressen ohne Fragment zurückgeschickt, höchstens 20.
keys-url-unfit = Ein Webhook ist eine ganze https-Adresse, ohne Namen und ohne Fragment.

journal-what = Was
journal-everything = Alles
journal-only = Nur diese Person
journal-show = Zeigen
journal-nothing = Nichts.
journal-older = Älteres
journal-events = Ereignisse
journal-when = Wann (UTC)
journal-from = Woher
journal-detail = Einzelheiten
