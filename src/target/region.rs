//! The 18 regions of Genesys Cloud and every way people write them.

use url::Url;

/// One region of Genesys Cloud.
#[derive(Debug, PartialEq, Eq)]
pub struct Region {
    /// The AWS region's name, for example `eu-central-1`.
    pub aws: &'static str,
    /// The domain of its hosts, for example `mypurecloud.de`.
    pub domain: &'static str,
}

/// All regions, as the vendor's own tools list them.
pub static REGIONS: &[Region] = &[
    Region {
        aws: "us-east-1",
        domain: "mypurecloud.com",
    },
    Region {
        aws: "us-east-2",
        domain: "use2.us-gov-pure.cloud",
    },
    Region {
        aws: "us-west-2",
        domain: "usw2.pure.cloud",
    },
    Region {
        aws: "ca-central-1",
        domain: "cac1.pure.cloud",
    },
    Region {
        aws: "sa-east-1",
        domain: "sae1.pure.cloud",
    },
    Region {
        aws: "mx-central-1",
        domain: "mxc1.pure.cloud",
    },
    Region {
        aws: "eu-west-1",
        domain: "mypurecloud.ie",
    },
    Region {
        aws: "eu-west-2",
        domain: "euw2.pure.cloud",
    },
    Region {
        aws: "eu-central-1",
        domain: "mypurecloud.de",
    },
    Region {
        aws: "eu-central-2",
        domain: "euc2.pure.cloud",
    },
    Region {
        aws: "eusc-de-east-1",
        domain: "edee1.eusc-pure.cloud",
    },
    Region {
        aws: "me-central-1",
        domain: "mec1.pure.cloud",
    },
    Region {
        aws: "ap-northeast-1",
        domain: "mypurecloud.jp",
    },
    Region {
        aws: "ap-northeast-2",
        domain: "apne2.pure.cloud",
    },
    Region {
        aws: "ap-northeast-3",
        domain: "apne3.pure.cloud",
    },
    Region {
        aws: "ap-south-1",
        domain: "aps1.pure.cloud",
    },
    Region {
        aws: "ap-southeast-1",
        domain: "apse1.pure.cloud",
    },
    Region {
        aws: "ap-southeast-2",
        domain: "mypurecloud.com.au",
    },
];

impl Region {
    /// The region meant by `text`: an AWS name with `-` or `_`, a domain, an `api.`, `login.` or
    /// `apps.` host, or a full URL of one; case does not matter.
    #[must_use]
    pub fn find(text: &str) -> Option<&'static Self> {
        let text = text.trim().to_ascii_lowercase();
        let aws = text.replace('_', "-");
        REGIONS
            .iter()
            .find(|region| region.aws == aws || region.domain == domain_of(&text))
    }

    /// Base URL of this region's Platform API.
    #[must_use]
    pub fn api(&self) -> String {
        format!("https://api.{}", self.domain)
    }
}

/// Strips scheme, path, port and the well-known host prefixes from a lower-case text.
fn domain_of(text: &str) -> &str {
    let host = text.split_once("://").map_or(text, |(_, rest)| rest);
    let host = host.split(['/', ':', '?', '#']).next().unwrap_or(host);
    ["api.", "login.", "apps."]
        .iter()
        .find_map(|prefix| host.strip_prefix(prefix))
        .unwrap_or(host)
}

/// The login server that belongs to an API base URL.
///
/// The vendor's SDKs replace `//api.` by `//login.`; a host that does not begin with `api.` is a
/// gateway, which serves both under one origin unless configured otherwise.
#[must_use]
pub fn login_for(api: &Url) -> Url {
    let mut login = api.clone();
    if let Some(rest) = api.host_str().and_then(|host| host.strip_prefix("api.")) {
        let host = format!("login.{rest}");
        if login.set_host(Some(&host)).is_err() {
            return api.clone();
        }
    }
    login
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_every_region_is_understood() {
        for region in REGIONS {
            for spelling in [
                region.aws.to_owned(),
                region.aws.replace('-', "_"),
                region.aws.to_uppercase(),
                region.domain.to_owned(),
                format!("api.{}", region.domain),
                format!("login.{}", region.domain),
                format!("https://api.{}", region.domain),
                format!("https://api.{}/", region.domain),
                format!(" https://login.{}:443/oauth/token ", region.domain),
            ] {
                assert_eq!(Region::find(&spelling), Some(region), "{spelling}");
            }
        }
        for unknown in [
            "",
            "eu",
            "us-east-3",
            "mypurecloud",
            "https://",
            "pure.cloud",
        ] {
            assert_eq!(Region::find(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn the_login_server_follows_the_api_host() {
        let login = |api: &str| login_for(&Url::parse(api).unwrap()).to_string();
        assert_eq!(
            login("https://api.mypurecloud.de"),
            "https://login.mypurecloud.de/"
        );
        assert_eq!(
            login("https://gateway.example/genesys"),
            "https://gateway.example/genesys"
        );
        assert_eq!(login("http://127.0.0.1:8080"), "http://127.0.0.1:8080/");
    }
}
