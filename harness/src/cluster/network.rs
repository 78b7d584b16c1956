//! The bridge that Pods hang on, and their way out of it.

use crate::{cache, program};
use anyhow::{Context, Result, bail};
use std::{
    fs,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::Command,
};

/// The bridge's name.
pub(super) const BRIDGE: &str = "takings0";
/// This machine's address on the bridge: the API server, DNS and the node are there.
pub(super) const HOST: &str = "10.244.0.1";
/// The bridge's own hardware address. Without one it takes the lowest of those that hang on it, and
/// each time that this one comes or goes, all other Pods lose this machine for up to ten seconds.
const HARDWARE: &str = "02:00:0a:f4:00:01";
/// The network of Pods.
pub(super) const PODS: &str = "10.244.0.0/24";
/// The network of Services.
pub(super) const SERVICES: &str = "10.96.0.0/16";
/// The API server's Service.
pub(super) const FIRST_SERVICE: &str = "10.96.0.1";
/// Sockets, mounts and namespaces; gone after a restart of the machine.
pub(super) const RUN: &str = "/run/takings";

const TABLES: &[[&str; 2]] = &[["ip", "takings"], ["ip", "kube-proxy"], ["ip6", "kube-proxy"]];

/// Notes that this cache's cluster has the machine's one bridge; fails where another's has it.
pub(super) fn claim() -> Result<()> {
    let (owner, ours) = (Path::new(RUN).join("cache"), cache::root()?);
    match fs::read_to_string(&owner) {
        Ok(other) if Path::new(&other) != ours && Path::new(&other).join("cluster").exists() => {
            bail!("the cluster of the cache {other} is up: TAKINGS_CACHE={other} cargo xtask down")
        }
        _ => {
            cache::created(PathBuf::from(RUN))?;
            cache::write(&owner, ours.as_os_str().as_encoded_bytes())
        }
    }
}

/// Whether the bridge is there.
pub(super) fn exists() -> bool {
    Path::new("/sys/class/net").join(BRIDGE).exists()
}

/// Makes the bridge and lets Pods out by this machine's address.
pub(super) fn create() -> Result<()> {
    if !exists() {
        refuse_clashes(&ip(&["-4", "-o", "route", "show"])?)?;
        ip(&["link", "add", BRIDGE, "type", "bridge"])?;
        ip(&["address", "add", &format!("{HOST}/24"), "dev", BRIDGE])?;
    }
    raise(BRIDGE)?;
    fs::write("/proc/sys/net/ipv4/ip_forward", "1").context("can't let Pods reach out")?;
    // The first two lines make the third start from nothing, as nft has no "replace".
    let rules = format!(
        "table ip takings\ndelete table ip takings\ntable ip takings {{\n chain out {{\n  \
         type nat hook postrouting priority srcnat\n  \
         ip saddr {PODS} ip daddr != {PODS} masquerade\n }}\n}}\n"
    );
    program::run_with_input(Command::new("nft").args(["-f", "-"]).env("PATH", PATH), &rules)?;
    Ok(())
}

/// Takes the bridge away with all that hangs on it, and the firewall's tables.
pub(super) fn remove() -> Result<()> {
    if exists() {
        for link in ip(&["-o", "link", "show", "master", BRIDGE])?.lines() {
            let name = link.split([' ', '@', ':']).filter(|word| !word.is_empty()).nth(1);
            // One whose Pod's end was taken away is gone already.
            let _ = ip(&["link", "delete", name.unwrap_or_default()]);
        }
        ip(&["link", "delete", BRIDGE])?;
    }
    for table in TABLES {
        let mut nft = Command::new("nft");
        // It fails for a table that isn't there.
        let _ = program::run(nft.args(["delete", "table"]).args(table).env("PATH", PATH));
    }
    Ok(())
}

fn raise(bridge: &str) -> Result<()> {
    ip(&["link", "set", bridge, "address", HARDWARE, "up"]).map(drop)
}

const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

fn ip(arguments: &[&str]) -> Result<String> {
    program::run(Command::new("ip").args(arguments).env("PATH", PATH))
}

/// Fails where this machine already reaches one of our networks by another way.
fn refuse_clashes(routes: &str) -> Result<()> {
    for route in routes.lines().filter_map(|line| line.split(' ').next()) {
        for ours in [PODS, SERVICES] {
            if overlap(route, ours) {
                bail!("this machine has a route to {route}, where the cluster's {ours} would be");
            }
        }
    }
    Ok(())
}

fn overlap(one: &str, other: &str) -> bool {
    let (Some((one, long)), Some((other, short))) = (network(one), network(other)) else {
        return false;
    };
    let mask = u32::MAX.checked_shl(32 - long.min(short)).unwrap_or(0);
    one & mask == other & mask
}

/// The bits of `10.0.0.0/8`, and how many of them count; a default route is none.
fn network(text: &str) -> Option<(u32, u32)> {
    let (address, length) = text.split_once('/').unwrap_or((text, "32"));
    Some((address.parse::<Ipv4Addr>().ok()?.to_bits(), length.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::{HARDWARE, ip, raise, refuse_clashes};

    #[test]
    fn a_bridge_keeps_its_address_whatever_hangs_on_it() {
        let [bridge, pod, other_end] = ["takings9", "takings9a", "takings9b"];
        let _ = ip(&["link", "delete", bridge]);
        ip(&["link", "add", bridge, "type", "bridge"]).unwrap();
        raise(bridge).unwrap();
        let lowest = ["address", "00:00:00:00:00:07", "type", "veth", "peer", "name", other_end];
        ip(&[&["link", "add", pod], &lowest[..]].concat()).unwrap();
        ip(&["link", "set", pod, "master", bridge]).unwrap();
        let address = std::fs::read_to_string(format!("/sys/class/net/{bridge}/address")).unwrap();
        for link in [pod, bridge] {
            ip(&["link", "delete", link]).unwrap();
        }
        assert_eq!(address.trim(), HARDWARE);
    }

    #[test]
    fn refuses_networks_that_are_taken() {
        assert!(refuse_clashes("default via 10.0.2.2 dev eth0\n10.0.2.0/24 dev eth0\n").is_ok());
        assert!(refuse_clashes("10.244.0.0/16 dev cni0\n").is_err());
        assert!(refuse_clashes("10.96.4.7 dev tun0\n").is_err());
    }
}
