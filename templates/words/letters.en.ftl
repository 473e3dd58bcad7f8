# What mails and text messages say, in English. A letter's subject is the message, its text is the attribute below.
# Codes and links stand in a paragraph of their own: the HTML makes them large, or a button.

letter-greeting = Hello,
letter-greeting-name = Hello { $name },
letter-copy = Or copy this address into your browser:
letter-nowhere = unknown
letter-browser =
    { $browser ->
        [none] { $system ->
            [none] an unknown app
           *[other] an app
        }
       *[other] { $browser }
    }{ $system ->
        [none] { "" }
        [iPhone] { " " }on an iPhone
        [iPad] { " " }on an iPad
        [Mac] { " " }on a Mac
       *[other] { " " }on { $system }
    }
letter-minutes =
    { $number ->
        [one] 1 minute
       *[other] { $number } minutes
    }
letter-hours =
    { $number ->
        [one] 1 hour
       *[other] { $number } hours
    }
letter-purpose =
    { $purpose ->
        [verify] to confirm your email address for { $app }
        [password] to choose a new password for { $app }
        [enrol] to switch on sign-in codes for { $app }
        [prove] to confirm a change to your { $app } account
       *[sign-in] to sign in to { $app }
    }

letter-code = Your { $app } code
    .text =
        Here is your code { letter-purpose }:

        { $code }

        It works once, for the next { letter-minutes }.

        It was requested from { $browser } (IP address { $ip }). If that was not
        you, ignore this message and give the code to nobody, not even to
        somebody who says they work for { $app }.
letter-link = Your { $app } link
    .text =
        Follow this link { letter-purpose }:

        { $url }

        It works once, for the next { letter-minutes }.

        It was requested from { $browser } (IP address { $ip }). If that was not
        you, ignore this message and pass the link on to nobody, not even to
        somebody who says they work for { $app }.
letter-verify = Confirm your email address for { $app }
    .text =
        Please confirm that this is your email address:

        { $url }

        The link works for { letter-hours }. If you did not ask for it, ignore this
        message: nothing changes.
letter-change = Confirm your new email address for { $app }
    .text =
        You asked to use { $email } for your { $app } account. Please
        confirm the change:

        { $url }

        Until then your old address stays in place. If you did not ask for this,
        ignore this message.
letter-changing = Your { $app } email address is about to change
    .text =
        Somebody signed in to your { $app } account asked to change its email
        address from this one to { $email }.

        If that was you, there is nothing more to do here.
letter-password = Reset your { $app } password
    .text =
        Choose a new password for your { $app } account here:

        { $url }

        The link works once, for the next { letter-minutes }. If you did not ask for
        it, ignore this message: your password stays as it is.
letter-delete = Confirm that you want to delete your { $app } account
    .text =
        You asked to delete your { $app } account. This cannot be undone. If you
        are sure, confirm it here:

        { $url }

        If you did not ask for this, do not open the link, and change your
        password: somebody may know it.
letter-recover = Get back into your { $app } account
    .text =
        Somebody, we hope you, has lost the second step for signing in to
        { $app } and wants to get back in. That begins here:

        { $url }

        The link works once, for the next { letter-minutes }. If you have a backup
        code, you are back in at once; otherwise there is a waiting time.

        It was requested from { $browser } (IP address { $ip }). If that was not
        you, ignore this message and give the link to nobody: nothing happens
        unless it is followed.

letter-due = Your { $app } account needs a second factor from { $day } on
    .text =
        From { $day } on, signing in to { $app } takes a second factor, and your
        account has none that counts. Add one now, it takes a minute:

        { $url }

        Without one, you can do nothing else from that day on until you have added it.

letter-use-mailbox = Use this mailbox
letter-continue = Continue signing in
letter-confirm = Confirm email address
letter-choose = Choose a new password
letter-delete-it = Delete my account
letter-get-back = Get back in
letter-due-add = Add a second factor
letter-stop = Stop it: this is not me
letter-status = See how it stands
letter-not-me = This was not me

## How a recovery stands

letter-recovery-begun = Somebody asks to get into your { $app } account without the second step
    .text =
        Somebody who can read your mail asks to get into your { $app } account
        without the second step. Nothing has changed yet. Unless it is stopped,
        they can get in from { $ready } on.
letter-recovery-shortening = Your { $app } recovery may be sped up
    .text =
        An administrator says that it is you who asks to get into your { $app }
        account without the second step, and wants to shorten the waiting time.
        Another administrator must agree first.
letter-recovery-shortened = Your { $app } recovery was sped up
    .text =
        An administrator says that it is you who asks to get into your { $app }
        account without the second step, and shortened the waiting time. Unless
        it is stopped, they can get in from { $ready } on.
letter-recovery-ready = Your { $app } recovery can be completed
    .text =
        The waiting time is over. Whoever asked to get into your { $app } account
        without the second step can do so now, in the browser in which they
        asked or with the code they were shown there.
letter-recovery-vetoed = The recovery of your { $app } account was stopped
    .text =
        Nobody got into your { $app } account, and nothing about it has changed.
        If it was not you who asked, somebody can read your mail: change the
        password of your mailbox first, and then the one of your { $app } account.
letter-recovery-completed = Your { $app } account was recovered
    .text =
        Somebody got into your { $app } account without the second step. Its
        sign-in methods, backup codes, trusted devices, API keys and sessions
        are gone, and so is its old password. If that was not you, tell your
        administrator now.
letter-recovery-links =
    If it is not you, stop it here:

    { $stop }

    How it stands, you can see here:

    { $status }
letter-recovery-from =
    It was asked for from { $browser }
    (IP address { $ip }). This message was written on { $at }.

## Notices

letter-at = { $day } at { $time } UTC
letter-method =
    { $method ->
        [email_code] codes sent by email
        [sms_code] codes sent by text message
        [passkey] a passkey
        [backup_code] backup codes
        [password] a password
       *[totp] codes from an authenticator app
    }

notice-added = A sign-in method was added to your { $app } account
    .text = Your { $app } account now accepts { letter-method }.
notice-removed = A sign-in method was removed from your { $app } account
    .text = Your { $app } account no longer accepts { letter-method }.
notice-backup-code = A backup code was used for your { $app } account
    .text =
        One of your backup codes was just used to sign in to { $app }.
        { $number ->
            [0] It was the last one: please create new ones.
            [one] You have 1 left: please create new ones soon.
           *[other] You have { $number } left.
        }
notice-backup-codes = New backup codes for your { $app } account
    .text =
        New backup codes were created for your { $app } account. The earlier ones
        no longer work.
notice-trusted = A trusted device was added to your { $app } account
    .text =
        A browser was marked as trusted: for a while it can sign in to your
        { $app } account without the second step.
notice-trust-stolen = A trusted device of your { $app } account was removed
    .text =
        A browser that may skip the second step of your { $app } account showed an
        old copy of its mark, together with your password. Somebody may have copied
        it, so that browser is asked for the second step again.
notice-passkey-cloned = A passkey of your { $app } account was suspended
    .text =
        One of your passkeys was used in a way that only a copy of it could be. It
        opens your { $app } account no longer. Sign in another way, remove it and
        add a new one.
notice-reset = Your { $app } second factor was reset
    .text =
        An administrator removed every sign-in method beside the password from
        your { $app } account and ended all sessions. Enrol anew when you next
        sign in.
notice-api-key = An API key was added to your { $app } account
    .text =
        An API key was created for your { $app } account. Whoever holds it acts for
        you without being asked for a second factor.
notice-session-stolen = A session of your { $app } account was ended
    .text =
        A token of your { $app } account was used twice, so somebody may have
        copied it. The session it belonged to was ended.
notice-mailbox = Mail for your { $app } account goes elsewhere
    .text =
        The application that keeps your account gave us another email address for
        you. Codes and notices go there from now on.
notice-password-changed = Your { $app } password was changed
    .text = The password of your { $app } account was changed.
notice-password-removed = The password of your { $app } account was removed
    .text =
        You showed by mail that this address is yours. Whoever had set the password
        of your { $app } account never did, so it was removed, and all other
        sessions were ended. You can set a new one.
notice-failed = Somebody could not finish signing in to your { $app } account
    .text =
        Somebody entered the right password for your { $app } account, but failed
        at the second step. They are not in.
notice-blocked = Too many wrong codes for your { $app } account
    .text =
        There were too many wrong codes in a row for your { $app } account, so it
        takes no more for a while.

notice-ended = Everybody was signed out of your { $app } account
    .text =
        Somebody who reads this mailbox said that what happened to your { $app }
        account was none of their doing. All sessions, trusted browsers and API keys
        ended at once, and the password stopped working.
notice-ended-moved = Everybody was signed out of your { $app } account
    .text =
        Somebody who reads the mailbox that your { $app } account had before said
        that what happened to it was none of their doing. All sessions, trusted
        browsers and API keys ended at once. The password is as it was.

notice-happened =
    This happened on { $at }, from { $browser }
    (IP address { $ip }).
notice-advice =
    If that was you, there is nothing to do.
notice-advice-ended =
    Choose a new password now, then sign in and remove every second factor that
    is not yours.
notice-advice-external =
    If that was you, there is nothing to do. If it was not, tell the application
    that you use your second step for.
notice-advice-guessed =
    If that was you, simply try again. If it was not, somebody may know your
    password.
notice-advice-reset = If you did not ask for it, tell your administrator now.
notice-not-me =
    If it was not you, say so here. Everybody is signed out of your account, trusted
    browsers and API keys end, and the password stops working:

    { $url }

    The link works once, for 7 days. Afterwards you choose a new password.

## Text messages: most phones show about 160 characters

text-code = { $code } is your { $app } code { letter-purpose }. It works once, for { letter-minutes }. Asked for from { $browser }, { $ip }. Share it with nobody.
text-link = { $headline }: { $url }
text-notice = { $headline }. If that was not you, sign in and change your password.
