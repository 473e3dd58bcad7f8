//! `countersign dialects`: the routes as a server with this configuration would serve them.

use std::{
    fmt::Write,
    io::{self, Write as _},
    process::ExitCode,
};

use crate::{
    cli::Refusal,
    config::Config,
    dialects::{ALL, DialectRow, Mounting, RouteRow},
};

/// Whoever reads only the first lines of it closes the pipe, which is no failure.
pub(super) fn run(config: &Config) -> Result<ExitCode, Refusal> {
    let _ = io::stdout().write_all(listing(config).as_bytes());
    Ok(ExitCode::SUCCESS)
}

fn listing(config: &Config) -> String {
    let dialects = Mounting::of(config, ALL).table().dialects;
    let mut rows = vec![["METHOD", "PATH", "DIALECT", "SERVED AT"].map(str::to_owned)];
    for dialect in &dialects {
        let row = |route: &RouteRow| {
            [route.method.clone(), route.path.clone(), dialect.name.to_owned(), places(dialect, route)]
        };
        rows.extend(dialect.routes.iter().map(row));
    }
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let (method, path, name) = (width(0), width(1), width(2));
    let mut text = String::new();
    for row in &rows {
        let _ = writeln!(text, "{:method$}  {:path$}  {:name$}  {}", row[0], row[1], row[2], row[3]);
    }
    text
}

/// `/, /mudbase, mud.example.com` or `/mudbase (at / it is slugbase's)`.
fn places(dialect: &DialectRow, route: &RouteRow) -> String {
    let root = route.at_root.then_some("/");
    let hosts = dialect.hosts.iter().map(String::as_str);
    let places: Vec<&str> = root.into_iter().chain([dialect.prefix.as_str()]).chain(hosts).collect();
    match route.shadowed_by {
        Some(by) => format!("{} (at / it is {by}'s)", places.join(", ")),
        None => places.join(", "),
    }
}
