//! What an organisation asks of its members, tried out before it holds.

use askama::Template;
use countersign_core::{
    denied::Denied,
    method::{Method, Methods},
    organisation::Rules,
    time::{DAY, HOUR, Timestamp},
};

use super::{Frame, people::short};
use crate::{
    http::{look::Look, page, reply::Reply},
    operations::{
        administration,
        organisations::{self, RuleChange},
        sessions::SignedIn,
    },
    pages::{
        account::{day, on_day},
        asked::{Asked, No, see},
    },
    words::{self, Text},
};

/// What an organisation can count as a second factor.
const COUNTABLE: [Method; 4] = [Method::Passkey, Method::Totp, Method::SmsCode, Method::EmailCode];

#[derive(Template)]
#[template(path = "pages/admin/policy.html")]
struct Policy<'a> {
    look: &'a Look,
    title: Text,
    frame: Frame,
    required: bool,
    /// From when on, and the earliest there is: days as `2026-12-05`.
    from: String,
    today: String,
    methods: Vec<(&'a str, Text, bool)>,
    trust_days: u64,
    recovery_hours: u64,
    /// Shown once it was asked for: whom these rules would stop, and what each has.
    forecast: Option<Shown>,
}

struct Shown {
    /// How many of how many, and from when on.
    sum: Text,
    stopped: Vec<(String, String, Text)>,
    /// Nobody could follow them.
    impossible: bool,
}

/// The rules as they stand in the form, or as they hold.
fn wanted(asked: &Asked, now: Rules) -> Rules {
    if asked.field("form").is_none() {
        return now;
    }
    let ticked = |name: &str| asked.field(name).is_some();
    let number = |name: &str, max: u64| {
        asked.field(name).and_then(|text| text.parse::<u64>().ok()).map(|number| number.min(max))
    };
    let chosen: Vec<Method> =
        COUNTABLE.into_iter().filter(|method| ticked(&format!("method_{}", method.as_str()))).collect();
    // All of them is no rule: what is invented later counts, too.
    let methods = if chosen.len() == COUNTABLE.len() { Methods::default() } else { Methods::of(&chosen) };
    let from = asked.field("from").and_then(|day| Timestamp::from_day(&day)).filter(|_| ticked("required"));
    let rules = Rules {
        methods,
        trust_lasts: number("trust_days", 30).map_or(now.trust_lasts, |days| DAY * days as u32),
        recovery_wait: number("recovery_hours", 720).map_or(now.recovery_wait, |hours| HOUR * hours as u32),
        ..now
    };
    rules.requiring(ticked("required") && from.is_none(), from, asked.ctx().clock.now())
}

async fn rules(asked: &Asked, who: &SignedIn) -> Result<Rules, No> {
    let place = administration::place(asked.ctx(), who).await?;
    if !place.role.administers() {
        return Err(Denied::NotPermitted.into());
    }
    Ok(place.organisation.rules)
}

/// Looking changes nothing: the forecast is asked for by GET.
pub(crate) async fn edit(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in().await?;
    let wanted = wanted(&asked, rules(&asked, &who).await?);
    let forecast = match asked.field("form") {
        None => None,
        Some(_) => {
            let forecast = administration::forecast(asked.ctx(), &who, wanted.at_deadline()).await?;
            let stopped = forecast.stopped.len() as u64;
            let sum = on_day(
                if stopped == 0 { "forecast-nobody" } else { "forecast-stops" },
                wanted.required_from.unwrap_or(asked.ctx().clock.now()),
            );
            Some(Shown {
                sum: sum.with("people", forecast.looked_at as u64).with("stopped", stopped),
                stopped: forecast.stopped.iter().map(|one| short(asked.look(), one)).collect(),
                impossible: wanted.can_be_followed().is_err(),
            })
        }
    };
    let countable =
        |method: Method| (method.as_str(), words::method(method), wanted.methods.contains(method));
    let page = Policy {
        look: asked.look(),
        title: "admin-rules".into(),
        frame: Frame::of(&asked, &who).await?,
        required: wanted.at_deadline().second_factor_required,
        from: wanted.required_from.map(|from| day(&from.to_iso()).to_owned()).unwrap_or_default(),
        today: day(&asked.ctx().clock.now().to_iso()).to_owned(),
        methods: COUNTABLE.into_iter().map(countable).collect(),
        trust_days: wanted.trust_lasts.as_secs() / DAY.as_secs(),
        recovery_hours: wanted.recovery_wait.as_secs() / HOUR.as_secs(),
        forecast,
    };
    Ok(page::reply(&page, None))
}

pub(crate) async fn apply(asked: Asked) -> Result<Reply, No> {
    let (ctx, visitor, who) = (asked.ctx(), &asked.visitor, asked.signed_in().await?);
    let before = rules(&asked, &who).await?;
    let after = wanted(&asked, before);
    let asks = |rules: Rules| (rules.second_factor_required, rules.required_from, rules.methods);
    if asks(after) != asks(before) {
        let change = RuleChange {
            second_factor_required: Some(after.second_factor_required),
            required_from: after.required_from,
            methods: Some(after.methods),
        };
        organisations::change_rules(ctx, visitor, &who, change).await?;
    }
    if after.trust_lasts != before.trust_lasts {
        organisations::change_trust_lasts(ctx, visitor, &who, after.trust_lasts).await?;
    }
    if after.recovery_wait != before.recovery_wait {
        organisations::change_recovery_wait(ctx, visitor, &who, after.recovery_wait).await?;
    }
    Ok(see("/admin/policy"))
}
