# Everything that pages say, in English. Each language has a file with the same messages and the same variables
# (https://projectfluent.org/fluent/guide); a test compares them. Numbers choose their plural.

## Everywhere

languages = Language
go-on = Go on
or = or
not-now = Not now
another-way = Another way
confirm = Confirm
remove = Remove
cancel = Leave it as it is
sign-in = Sign in
email-address = Email address
password = Password
your-password = Your password
thank-you = Thank you
back-to-account = Back to your account
mailbox-title = Look into your mailbox

# Within sentences: "Try again in 5 minutes."
in-span =
    { $unit ->
        [second] { $number ->
            [one] in 1 second
           *[other] in { $number } seconds
        }
        [minute] { $number ->
            [one] in 1 minute
           *[other] in { $number } minutes
        }
        [hour] { $number ->
            [one] in 1 hour
           *[other] in { $number } hours
        }
       *[day] { $number ->
            [one] in 1 day
           *[other] in { $number } days
        }
    }
# "Not yet: 5 minutes to go."
span =
    { $unit ->
        [second] { $number ->
            [one] 1 second
           *[other] { $number } seconds
        }
        [minute] { $number ->
            [one] 1 minute
           *[other] { $number } minutes
        }
        [hour] { $number ->
            [one] 1 hour
           *[other] { $number } hours
        }
       *[day] { $number ->
            [one] 1 day
           *[other] { $number } days
        }
    }

# Where somebody came from. The browser and the system are from a short list.
browser =
    { $browser ->
        [none] An app
       *[other] { $browser }
    }{ $system ->
        [none] { "" }
        [iPhone] { " " }on an iPhone
        [iPad] { " " }on an iPad
        [Mac] { " " }on a Mac
       *[other] { " " }on { $system }
    }
browser-at = { $browser }, { $ip }

## Refusals

wrong-title = That did not work
wrong = That did not work. Try again.
wrong-password = That is not the password.
wrong-code = That code is not right, or it was used before. Try the next one.
wrong-code-scan-again = That code is not right, or it was used before. Scan the new code below.
locked-scan-again = Too many wrong codes. Try again { in-span }, with the new code below.
code-expired = That code is too old. Ask for a new one.
too-many-attempts = Too many wrong codes. Sign in again.
locked = Too many wrong codes. Try again { in-span }.
too-soon = A code was sent already. You can ask again { in-span }.
texts-paused = No more text messages for now. Use another way.
challenge-gone = That took too long. Sign in again.
too-many-apps = There are as many authenticator apps as there can be. Remove one first.
not-permitted = Your role does not reach this far.
no-such-person = There is no such person.
busy = We are busy. Try again in a moment.
broken = Something went wrong here. Try again.
foreign-form = Forms must be sent from our own pages.
too-fast = That was too much at once. Try again in a minute.
unreadable = What was sent could not be read.
sign-in-first = Sign in first.
prove-first = Confirm that it is you first.
bad-credentials = That address or password is not right.
email-invalid = That is not an email address.
email-unverified = Verify your address first: follow the link we mailed you.
email-taken = That address has an account. Sign in instead.
password-short = That password is too short.
password-long = That password is too long.
password-common = That password is among those that are guessed first.
link-dead = That link was used, or is too old.
link-dead-ask-again = That link was used, or is too old. Ask for a new one.

## Signing in and up

sign-in-passkey = Use a passkey
sign-in-mail = Mail me a code
sign-in-create = Create an account
sign-in-forgotten = Forgotten password
sign-in-lost = Lost second factor
sign-up-title = Create an account
sign-up-name = Name
sign-up-rule = Long is better than complicated. Spaces are fine, and so is pasting.
sign-up-button = Create the account
sign-up-have-one = I have an account
sign-up-mailed = Follow the link we mailed you, then sign in.
mail-title = Sign in by mail
mail-code = Code from the mail
mail-send = Mail me a code
mail-send-another = Mail me another
mail-sent = If we may write to { $email }, a code is on its way.
link-title = Sign in to { $app }
link-lead = Sign in as { $email }.
link-elsewhere = This link was asked for in another browser. Go on only if that was you: you will be signed in here.
link-account = Account
link-asked-by = Asked for by
link-asked-at = At address

## Passwords and addresses

password-title = Forgotten password
password-set-title = Choose a new password
password-new = New password
password-rule = Long is better than complicated. All sessions end, and your second factor stays.
password-set = Set the password
password-send = Mail me a link
password-sent = If that address has an account, a link is on its way.
password-done-title = Done
password-done = The new password is set, and all sessions are ended.
verify-title = Verify your address
verify-lead = Say that this address is yours.
verify-button = It is mine
verify-done = Your address is verified.
verify-changed = Your account has the new address.

## The second step

challenge-title = Confirm that it is you
challenge-passkey = Use your passkey
challenge-no-script = Passkeys need JavaScript.
challenge-code-any = Code from your authenticator app, or a backup code
challenge-code-app = Code from your authenticator app
challenge-code-sheet = A backup code
challenge-code-sent = The code we sent you
challenge-from = It comes from
challenge-from-app = The app
challenge-from-app-or-sheet = The app, or the printed codes
challenge-from-mail = A mail to { $to }
challenge-from-sms = A text message to { $to }
challenge-last-used = Last used
challenge-trust =
    { $number ->
        [one] Trust this browser: do not ask here again for 1 day
       *[other] Trust this browser: do not ask here again for { $number } days
    }
challenge-trust-note = { $browser }. You can take it back in your account at any time.
trust-title = Trust this browser?
trust-lead =
    { $number ->
        [one] You would not be asked for the second step here for 1 day. Say yes only where nobody else signs in.
       *[other] You would not be asked for the second step here for { $number } days. Say yes only where nobody else signs in.
    }
trust-yes = Trust this browser
challenge-mail = Mail a code to { $to }
challenge-sms = Text a code to { $to }
challenge-sent = A code is on its way to { $to }.
challenge-password = Confirm with the password
challenge-lost = None of these works
request-asks = asks { $person }
request-asks-why = asks { $person }: { $reason }
request-agree = You agree to

spent-title = A backup code got you in
spent-lead = If your phone or key is gone for good, take it off your account and add another. If somebody else may have it, end the other sessions there, too.
spent-account = Look after my account

## Applications' pages

prove-over = This is over: it was answered, or took too long. Go back to where you came from and begin again.
prove-choose-title = Add a second step
prove-choose-lead = From now on two things open your account there: your password, and one of these. Choose the first one.
prove-nothing = Nothing of what this asks for can be used here.
prove-passkey = A passkey
prove-passkey-why = Your face, finger or PIN on this device. The safest.
prove-totp = An authenticator app
prove-totp-why = Six digits from an app on your phone, also offline.
prove-sms = Text messages
prove-sms-why = A code to your phone each time.
prove-email = Mail
prove-email-why = A code to your mailbox each time.
prove-right = That was right. Go back to { $application }.
prove-done = You can close this page and go back to where you came from.

## Enrolling

totp-title = Add an authenticator app
totp-required = { $app } requires a second factor. Add one to go on.
totp-scan = Scan this with an authenticator app: Aegis, 2FAS, Google or Microsoft Authenticator, 1Password, Bitwarden and the like.
totp-open = Open it on this device
totp-cannot-scan = Cannot scan? Type this into the app:
totp-code = The six digits it shows
totp-name = What to call it
totp-example = My phone
totp-passkey-instead = Add a passkey instead
qr-label = A code to scan with an authenticator app
copy = Copy
copied = Copied
copy-failed = Could not copy
passkey-title = Add a passkey
passkey-lead = A passkey signs you in with your face, your finger or your device's PIN. Nobody can guess it, and no page can talk you out of it.
passkey-name = What to call it
passkey-example = My laptop
passkey-button = Add the passkey
passkey-no-script = Passkeys need JavaScript. An authenticator app does not.
passkey-to-app = Add an authenticator app
passkey-cancelled = Cancelled, or no passkey of this account is here. Try again, or use another way.
passkey-known = This device has a passkey for this account already.
passkey-insecure = Browsers use passkeys over https only, and this page came another way.
passkey-unsupported = This browser cannot use passkeys.
test-title = Test “{ $name }”
test-lead = Your browser asks for exactly this passkey. It has to verify you: by face, finger or PIN.
test-button = Test this passkey
test-works = It works, and it verified you.
sms-title = Codes by text message
sms-lead = We text a code to your phone each time. Anybody who takes over your number gets them, too: an app or a passkey is safer.
sms-phone = Phone number, with its country
sms-send = Text me a code
sms-send-another = Text another
sms-off = No text messages are sent here.
email-title = Codes by mail
email-lead = We mail a code to your address each time. Whoever reads your mail gets them, too: an app or a passkey is safer.
email-send = Mail me a code
email-send-another = Mail another
email-mailed = We mailed you a link. Follow it, and codes by mail are switched on.
email-link-lead = From now on a code by mail can be your second step.
email-link-button = Switch them on
email-link-done = They are switched on.
email-link-dead = That link was used, is too old, or the session that asked for it is over.
email-to-account = Go to your account
codes-title = Your backup codes
codes-lead = Each of these gets you in once when your phone or key is not at hand. They are shown now and never again: print them, or keep them where you keep passwords.
codes-file = backup-codes
codes-file-head = Backup codes for { $account } at { $app }, { $day }. Each works once.
codes-download = Download
codes-print = Print
codes-saved = I have saved these codes somewhere safe
codes-go-on = Go on

## The account

account-title = Your account
account-recovering = Somebody asks to get into this account without the second step. They can from { $since } on ({ $browser }).
account-stop = It was not me: stop it
account-guarded = Your account has a second factor.
account-guarded-required = Your account has a second factor, which is required here.
account-open = A password alone opens this account. Add a second factor.
due-title = A second factor is needed soon
due-lead = From { $day } on, { $app } requires a second factor. Until then you can put it off; after that you can do nothing else before you have one that counts.
account-factors = Second factors
account-since = since { $day }
account-passkey = passkey, since { $day }
account-app = authenticator app, since { $day }
account-synced = synced
account-bound = on one device
account-more = More
account-rename = Rename
account-model =
    { $model ->
        [none] An unknown model
       *[other] { $model }
    }; reached by: { $ways }; uses counted: { $counter }.
account-last-used = last used { $day }
account-never-used = never used
account-suspended = suspended: a copy of it was used
account-add-passkey = Add a passkey
account-add-totp = Add an authenticator app
account-add-another-totp = Add another authenticator app
account-add-sms = Add a phone
account-add-email = Add codes by mail
account-one-way = Add a second one: whoever loses their only factor waits for recovery.
account-codes = Backup codes
account-codes-left =
    { $number ->
        [0] None of { $all } is left. Make new ones.
        [1] 1 of { $all } is left. Make new ones.
        [2] 2 of { $all } are left. Make new ones.
        [3] 3 of { $all } are left. Make new ones.
       *[other] { $number } of { $all } are left.
    }
account-codes-used = Which were used
account-code-used =
    { $place ->
        [none] One
       *[other] No. { $place }
    }: { $at } UTC
account-codes-new = Make new ones
account-codes-new-note = New codes end the old ones at once.
account-devices = Trusted browsers
account-trusted-until = trusted until { $day }
account-forget = Forget
account-sessions = Sessions
account-from = from { $ip }
account-ends = ends { $day }
account-this-one = this one
account-end = End
account-end-others = End all others
account-activity = What happened lately
account-nothing = Nothing yet.
account-at = { $at } UTC
account-delete = Delete this account
account-delete-lead = Everything of it goes: factors, sessions, trusted browsers. Nothing brings it back.
account-delete-button = Delete my account
account-delete-mailed = We mailed you a link that asks once more.
account-delete-wrong-password = That is not the password. Nothing was deleted.
account-delete-sole-owner = You are the only owner of an organisation with other members. Make somebody else an owner first.
account-delete-title = Delete your account
account-delete-confirm = Everything of it goes at once, and nothing brings it back.
account-delete-it = Delete it
account-gone-title = Your account is gone
account-gone = Nothing of it is left to sign in to.
account-administration = Administration
account-sign-out = Sign out
remove-title = Remove “{ $name }”?
remove-left =
    { $number ->
        [0] No second factor will be left: a password alone opens the account then.
        [one] 1 second factor will be left.
       *[other] { $number } second factors will be left.
    }
remove-button = Remove it

method-totp = Authenticator app
method-email = Codes by mail
method-sms = Codes by text message
method-passkey = Passkey
method-backup-code = Backup codes
method-password = Password

event-signed-in = Signed in
event-wrong-code = Wrong code
event-wrong-password = Wrong password
event-factor-added = Second factor added
event-factor-removed = Second factor removed
event-backup-code-used = Backup code used
event-backup-codes-renewed = New backup codes
event-browser-trusted = Browser trusted
event-password-changed = Password changed
event-email-changed = Address changed
event-reset = Second factors reset by an administrator
event-recovery-begun = Recovery begun
event-recovery-completed = Recovery completed
event-recovery-stopped = Recovery stopped
event-passkey-copied = Copied passkey refused
event-everything-ended = Said not to have been you; everything ended

## Notices

not-me-title = This was not you?
not-me-lead = Everybody is signed out of your account, you too. Trusted browsers and API keys end, and the password stops working until you set a new one. Your second factors stay.
not-me-button = It was not me: end it all
not-me-dead = That link was used, or is too old. If you can sign in, end sessions in your account.
not-me-done-title = Everything has ended
not-me-done = Nobody is signed in any more, and the old password opens nothing. Choose a new one, sign in, and remove every second factor that is not yours.
not-me-done-moved = Nobody is signed in any more. The account has another mail address by now: if that was not you either, tell whoever runs this place.

## Recovery

recovery-title = Get back in
recovery-lead = Lost your phone, your key or your passkey? We mail you a link. Your mailbox alone opens the account only after a waiting time; a backup code ends it at once.
recovery-send = Mail me the link
recovery-not-lost = I can sign in after all
recovery-sent = If there is an account to get back into, a link is on its way by mail.
recovery-begin-lead = You lost what you confirm signing in with. From here on a waiting time runs, and everybody who is signed in to your account, or reads your mail, is told and can stop it.
recovery-begin-button = Start the waiting time
recovery-over-title = That recovery is over
recovery-nothing = There is nothing to wait for.
recovery-nothing-to-stop = There is nothing left to stop.
recovery-nothing-to-complete = There is nothing to complete.
recovery-status-title = Your recovery
recovery-state = State
recovery-state-pending = Waiting
recovery-state-ready = The wait is over
recovery-state-vetoed = Stopped
recovery-state-completed = Completed
recovery-state-expired = Nobody came back in time
recovery-state-cancelled = Over
recovery-from = Begun with
recovery-at = At address
recovery-opens = Opens on
recovery-opens-at = { $day } at { $time } UTC
recovery-reference = Reference
recovery-claim = Write this down; without it, and without this browser, you begin anew:
recovery-backup-code = A backup code ends the wait
recovery-password = A new password
recovery-password-why = In place of the old one, if the account has one. Then you add a new second factor.
recovery-button = Get back in
recovery-waiting = Not yet: { span } to go.
recovery-password-short = Choose a new, longer password.
recovery-stop-title = Was this you?
recovery-stop-lead = Somebody who can read your mail asks to get into your account without the second step. If that was not you, stop it.
recovery-stopped-title = Stopped
recovery-stopped = It is stopped. Somebody else may read your mail: change your mailbox's password.
recovery-stopped-password = It is stopped. Somebody else may read your mail: change your mailbox's password, and then the one here.

## Administration

admin = Administration
admin-overview = Overview
admin-people = People
admin-rules = Rules
admin-look = Look
admin-keys = Keys and webhooks
admin-journal = Journal
admin-your-account = Your account
admin-share = { $guarded } of { $people } have a second factor ({ $share } %).
admin-fortnight = The last fourteen days
admin-passed = second steps passed
admin-refused = codes refused
admin-nobody = Nobody has enrolled yet.
admin-any = Any
admin-coverage-chart = Share of people with a second factor
admin-days-chart = Challenges passed and codes refused, by day

role-owner = Owner
role-admin = Administrator
role-helpdesk = Helpdesk
role-billing = Billing
role-workspaces = Workspaces
role-member = Member
role-external = Of an application

people-search = Address, name or external id
people-search-button = Search
people-person = Person
people-role = Role
people-factors = Second factors
people-none = none
people-nobody = Nobody fits.
people-more = More

person-title = Person
person-since = Since
person-required = required
person-codes = Backup codes left
person-recovering = Somebody asks to get in without the second factor. They can from { $since } ({ $browser }).
person-no-sessions = None.
person-since-from = since { $at }, from { $ip }
person-last-used = last used { $at }
person-reset = Reset
person-reset-lead = Takes every second factor, backup code, trusted browser and session of this person away. They hear of it and enrol anew. Make sure that it is really them who asks.
person-reset-reason = Why, and how you know that it is them
person-reset-button = Reset { $name }
person-reason-required = Say why: it is kept in the journal.
person-role-what = What they may do
person-role-button = Change the role
person-happened = What happened
person-all = All of it

rules-required = Everybody needs a second factor
rules-required-from = From this day on; empty is at once
rules-required-note = Until then members are told at sign-in, and by mail a week and a day before.
rules-counts = What counts as one
rules-trust = Trusted browsers skip the second step for so many days (0 is never, 30 at most)
rules-recovery = Whoever has nothing but the mailbox waits so many hours (24 to 720)
rules-forecast = Forecast: whom would this stop?
rules-apply = Apply
forecast = Forecast
forecast-impossible = Nothing that people can enrol would count: this cannot be applied.
forecast-nobody =
    { $people ->
        [one] From { $day } on this would not stop the 1 person there is.
       *[other] From { $day } on this would stop nobody, of { $people }.
    }
forecast-stops = From { $day } on this would stop { $stopped } of { $people }: until they have enrolled what counts, they can do nothing else.
forecast-none = no second factor
forecast-only = only { $methods }

brand-lead = Every page shows this to your people, and to those whom your applications send here.
brand-name = Name, in place of the server's own
brand-colour = Colour, as #rrggbb
brand-colour-note = By night it is lightened where that is needed to read it.
brand-logo = Logo: PNG, JPEG or WebP, up to { $number } KiB
brand-no-logo = Take the logo away
brand-save = Save
brand-name-unfit = The name has up to 60 characters that people can read, and is no address.
brand-colour-unfit = A colour is # and six hexadecimal digits.
brand-contrast-unfit = That colour has a contrast of { $contrast } to 1 on the page, and people need { $least } to read it. { $better } would do.
brand-logo-unfit = A logo is a PNG, JPEG or WebP picture of up to { $number } KiB.

keys-applications = Keys of applications
keys-lead = An application with a login of its own asks for second factors with one. People read its name when they are asked.
keys-revoke = Revoke
keys-name = Name
keys-return = Where people may be sent back to: whole addresses, with spaces between them
keys-make = Make a key
keys-webhooks = Webhooks
keys-delete = Delete
keys-url = Where to tell of events
keys-add = Add a webhook
keys-made = The key, shown now and never again:
keys-made-webhook = What its signatures are checked with, shown now and never again:
keys-ends = ends { $day }
keys-last-used = last used { $at }
keys-never-used = never used
keys-failed = the last attempt failed: { $why }
keys-sent = last sent { $at }
keys-unsent = nothing sent yet
keys-name-unfit = A key needs a name that people can read.
keys-return-unfit = People are sent back to whole https addresses without a fragment, 20 at most.
keys-url-unfit = A webhook is a whole https address, without a name or a fragment.

journal-what = What
journal-everything = Everything
journal-only = Only this person
journal-show = Show
journal-nothing = Nothing.
journal-older = Older
journal-events = Events
journal-when = When (UTC)
journal-from = From
journal-detail = Detail
