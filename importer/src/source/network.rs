//! Addresses that a download may go to: public ones always, private ones where the operator of
//! the system lists them, a machine's own and its cloud's metadata never.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use ipnet::IpNet;

/// Which private places may be reached.
#[derive(Clone, Debug, Default)]
pub struct NetworkRules {
    /// Hosts and networks that may be reached although they are private.
    pub allowed: Vec<Allowed>,
    /// For tests, whose servers are on this machine. No setting leads here.
    #[doc(hidden)]
    pub allow_loopback: bool,
}

/// A host, or a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// A host by its name, as it stands in the URL.
    Host(String),
    /// Addresses.
    Network(IpNet),
}

/// Neither a host nor a network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is neither a host such as files.shop.internal nor a network such as 10.1.0.0/16")]
pub struct AllowedError(String);

/// How near an address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Public,
    Private,
    Never,
}

impl NetworkRules {
    /// Whether a host may be reached at an address.
    #[must_use]
    pub fn allow(&self, host: &str, address: IpAddr) -> bool {
        match place(address) {
            Place::Public => true,
            Place::Private => self.allowed.iter().any(|allowed| allowed.matches(host, address)),
            Place::Never => self.allow_loopback && address.is_loopback(),
        }
    }
}

impl Allowed {
    fn matches(&self, host: &str, address: IpAddr) -> bool {
        match self {
            Self::Host(name) => name.eq_ignore_ascii_case(host),
            Self::Network(network) => network.contains(&address.to_canonical()),
        }
    }
}

impl FromStr for Allowed {
    type Err = AllowedError;

    fn from_str(text: &str) -> Result<Self, AllowedError> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Network(address.into()));
        }
        if let Ok(network) = text.parse::<IpNet>() {
            return Ok(Self::Network(network));
        }
        let is_label = |label: &str| {
            !label.is_empty()
                && label
                    .chars()
                    .all(|letter| letter.is_ascii_alphanumeric() || "-_".contains(letter))
        };
        // A mistyped network must not pass for the name of a host.
        let is_name = text.split('.').all(is_label)
            && text
                .rsplit('.')
                .next()
                .is_some_and(|last| last.contains(|c: char| c.is_ascii_alphabetic()));
        if is_name {
            Ok(Self::Host(text.to_ascii_lowercase()))
        } else {
            Err(AllowedError(text.into()))
        }
    }
}

impl fmt::Display for Allowed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(name) => formatter.write_str(name),
            Self::Network(network) => network.fmt(formatter),
        }
    }
}

fn place(address: IpAddr) -> Place {
    match address {
        IpAddr::V4(address) => place_v4(address),
        IpAddr::V6(address) => {
            let embedded = embedded_v4(address).map_or(Place::Public, place_v4);
            embedded.max(place_v6(address))
        }
    }
}

fn place_v4(address: Ipv4Addr) -> Place {
    let [a, b, c, d] = address.octets();
    match [a, b, c, d] {
        // This machine, this link, many machines; and metadata of Alibaba, Oracle and Azure,
        // which lie outside the link.
        [0 | 127 | 224..=239, ..]
        | [169, 254, ..]
        | [255, 255, 255, 255]
        | [100, 100, 100, 200]
        | [192, 0, 0, 192]
        | [168, 63, 129, 16] => Place::Never,
        // Private networks and carriers' own; and what is set aside for protocols,
        // documentation, benchmarks and the future.
        [10 | 240..=255, ..]
        | [172, 16..=31, ..]
        | [192, 168, ..]
        | [100, 64..=127, ..]
        | [192, 0, 0 | 2, _]
        | [198, 18 | 19, ..]
        | [198, 51, 100, _]
        | [203, 0, 113, _] => Place::Private,
        _ => Place::Public,
    }
}

fn place_v6(address: Ipv6Addr) -> Place {
    // Metadata of AWS and Google.
    let metadata = [
        Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
        Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
    ];
    match address.segments() {
        _ if metadata.contains(&address) => Place::Never,
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] | [0xff00..=0xffff | 0xfe80..=0xfebf, ..] => Place::Never,
        // Unique local, site-local, documentation, discard, and what only routers translate.
        [0xfc00..=0xfdff | 0xfec0..=0xfeff, ..]
        | [0x2001, 0xdb8, ..]
        | [0x3fff, 0..=0xfff, ..]
        | [0x100, 0, 0, 0, ..]
        | [0x64, 0xff9b, 1, ..] => Place::Private,
        _ => Place::Public,
    }
}

/// The IPv4 address that an IPv6 address leads to: mapped, compatible, NAT64, 6to4, Teredo.
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let join = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0 | 1, _, _, _, high, low]
        | [0x2002, high, low, ..] => Some(join(high, low)),
        [0x2001, 0, _, _, _, _, high, low] => Some(join(!high, !low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(address: &str) -> Place {
        place(address.parse().unwrap())
    }

    #[test]
    fn a_machine_itself_and_its_metadata_are_never_reached() {
        let all = ["0.0.0.0/0", "::/0"].map(|text| text.parse().unwrap()).to_vec();
        let rules = NetworkRules { allowed: all, ..NetworkRules::default() };
        for address in [
            "127.0.0.1",
            "127.9.9.9",
            "0.0.0.0",
            "0.1.2.3",
            "169.254.169.254",
            "169.254.0.1",
            "100.100.100.200",
            "192.0.0.192",
            "168.63.129.16",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fe80::1",
            "ff02::1",
            "fd00:ec2::254",
            "fd20:ce::254",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::127.0.0.1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b::7f00:1",
            "64:ff9b:1::7f00:1",
            "2002:7f00:1::",
            "2002:a9fe:a9fe::1",
            "2001:0:1:2:3:4:80ff:fffe",
            "::ffff:0:127.0.0.1",
        ] {
            assert_eq!(at(address), Place::Never, "{address}");
            assert!(!rules.allow("files.shop.internal", address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn private_places_are_reached_where_they_are_listed() {
        let none = NetworkRules::default();
        for address in [
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "100.64.0.1",
            "192.0.2.2",
            "198.18.0.1",
            "240.0.0.1",
            "fc00::1",
            "fd12::1",
            "fec0::1",
            "2001:db8::1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "2002:a00:1::",
        ] {
            assert_eq!(at(address), Place::Private, "{address}");
            assert!(!none.allow("files", address.parse().unwrap()), "{address}");
        }
        let listed = |text: &str| NetworkRules {
            allowed: vec![text.parse().unwrap()],
            ..NetworkRules::default()
        };
        let address = "10.1.2.3".parse().unwrap();
        assert!(listed("10.1.0.0/16").allow("files", address));
        assert!(listed("10.1.2.3").allow("files", address));
        assert!(listed("Files").allow("files", address));
        assert!(listed("10.1.0.0/16").allow("files", "::ffff:10.1.2.3".parse().unwrap()));
        assert!(!listed("10.2.0.0/16").allow("files", address));
        assert!(!listed("other").allow("files", address));
    }

    #[test]
    fn public_places_are_always_reached() {
        for address in ["8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1", "::ffff:8.8.8.8"] {
            assert_eq!(at(address), Place::Public, "{address}");
        }
    }

    #[test]
    fn what_is_listed_is_a_host_or_a_network() {
        for text in ["files.shop.internal", "10.0.0.0/8", "10.1.2.3/32", "fd12::/48", "files"] {
            assert_eq!(text.parse::<Allowed>().unwrap().to_string(), text);
        }
        for text in ["", "10.0.0.0/33", "10.0.0", "a b", "http://files", "*", "files:80", "a..b"] {
            assert!(text.parse::<Allowed>().is_err(), "{text}");
        }
    }
}
