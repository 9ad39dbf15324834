//! Where a target's servers are.

use url::Url;

use super::chain::{Chain, Used};
use super::url::{Reach, Role, base_url, is_clear_text};
use crate::config::layer::Setting;
use crate::config::problem::{Complaint, Place, Problems};
use crate::target::{Region, login_for};

/// The base URLs of the API and of the login server.
///
/// The strongest scope that names a region or a base URL decides; a login URL counts only from
/// there upwards, because it belongs to the API it was written beside.
pub(super) fn servers(
    chain: &Chain<'_>,
    reach: Reach,
    used: &Used,
    problems: &mut Problems,
) -> Option<(Url, Url)> {
    let region = chain.first("region");
    let base = chain.first("base_url");
    let depth = |found: &Option<(usize, &Setting)>| found.map_or(usize::MAX, |(at, _)| at);
    let at = depth(&region).min(depth(&base));
    let region = region.filter(|(found, _)| *found == at);
    let base = base.filter(|(found, _)| *found == at);
    for (_, setting) in [region, base].into_iter().flatten() {
        used.mark(&setting.place);
    }
    let api = api(
        region.map(|(_, setting)| setting),
        base.map(|(_, setting)| setting),
        reach,
        problems,
    );
    let login = chain.first("login_url").filter(|(found, _)| *found <= at);
    let login = match login {
        Some((_, setting)) => {
            used.mark(&setting.place);
            server(setting, Role::Login, reach, problems)
        }
        None => api.as_ref().map(login_for),
    };
    Some((api?, login?))
}

fn api(
    region: Option<&Setting>,
    base: Option<&Setting>,
    reach: Reach,
    problems: &mut Problems,
) -> Option<Url> {
    let from_region = match region {
        Some(setting) => {
            let url = Region::find(setting.text()?)?.api();
            Some((setting, Url::parse(&url).ok()?))
        }
        None => None,
    };
    let from_base = match base {
        Some(setting) => Some((setting, server(setting, Role::Api, reach, problems)?)),
        None => None,
    };
    match (from_region, from_base) {
        (Some((region, one)), Some((base, other))) if one != other => {
            let what = format!("is another server than {} means", region.place.describe());
            problems.error(&base.place, Complaint::new(what, "remove one of the two"));
            None
        }
        (from_region, from_base) => from_base.or(from_region).map(|(_, url)| url),
    }
}

fn server(setting: &Setting, role: Role, reach: Reach, problems: &mut Problems) -> Option<Url> {
    let url = base_url(setting.text()?, role, reach);
    let url = problems.check(&setting.place, url)?;
    if is_clear_text(&url) {
        warn_of_clear_text(&setting.place, problems);
    }
    Some(url)
}

fn warn_of_clear_text(place: &Place, problems: &mut Problems) {
    let what = "is plain http: secrets and tokens travel in clear text";
    problems.warning(
        place,
        Complaint::new(what, "use https if the server has it"),
    );
}
