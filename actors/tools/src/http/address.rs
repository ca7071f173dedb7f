//! Which addresses belong to the public internet, and which lead into somebody's own machine or network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What an address is if it is not a public one. IANA's registries of special-purpose addresses (RFC 6890 and what follows it) say so,
/// and for the services in which clouds keep their machines' keys the clouds do.
pub(super) fn special(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => special_v4(address),
        IpAddr::V6(address) => special_v6(address),
    }
}

fn special_v4(address: Ipv4Addr) -> Option<&'static str> {
    let found = match address.octets() {
        // The metadata services that lie among public addresses or in a network of their own.
        [168, 63, 129, 16] | [169, 254, 169, 254] | [100, 100, 100, 200] | [192, 0, 0, 192] => {
            "the address of a metadata service"
        }
        [0, ..] => "an address of this machine",
        [127, ..] => "a loopback address",
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => "a private address",
        [100, 64..=127, ..] => "a carrier's private address",
        [169, 254, ..] => "a link-local address",
        [192, 0, 0, _] => "an address of a protocol",
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => "an address for documentation",
        [192, 88, 99, _] => "an address of a relay",
        [198, 18..=19, ..] => "an address for measurements",
        [224..=239, ..] => "a multicast address",
        [240..=255, ..] => "a reserved address",
        _ => return None,
    };
    Some(found)
}

fn special_v6(address: Ipv6Addr) -> Option<&'static str> {
    let segments = address.segments();
    let [.., high, low] = segments;
    let embedded = {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    let found = match segments {
        [0, 0, 0, 0, 0, 0, 0, 0] => "an address of this machine",
        [0, 0, 0, 0, 0, 0, 0, 1] => "a loopback address",
        // Whatever is behind it, such an address reaches it past every rule about IPv4.
        [0, 0, 0, 0, 0, 0xffff, ..] | [0, 0, 0, 0, 0, 0, ..] | [0, 0, 0, 0, 0xffff, 0, ..] => {
            "an IPv4 address in IPv6"
        }
        // Where there is no IPv4 the public servers are reached so.
        [0x64, 0xff9b, 0, 0, 0, 0, ..] => return special_v4(embedded),
        [0xfc00..=0xfdff, ..] => "a private address",
        [0xfe80..=0xfebf, ..] => "a link-local address",
        [0xfec0..=0xfeff, ..] => "a site's private address",
        [0xff00..=0xffff, ..] => "a multicast address",
        [0x2001, 0, ..] | [0x2002, ..] => "an IPv4 address in IPv6",
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0x0fff, ..] => "an address for documentation",
        [0x2001, 0..=0x1ff, ..] => "an address of a protocol",
        [0x2000..=0x3fff, ..] => return None,
        _ => "a reserved address",
    };
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_public_internet_is_public() {
        for public in [
            "1.1.1.1",
            "8.8.8.8",
            "93.184.216.34",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2606:4700:4700::1111",
            "2001:4860:4860::8888",
            "64:ff9b::8.8.8.8",
        ] {
            assert_eq!(special(public.parse().unwrap()), None, "{public}");
        }
        for (own, what) in [
            ("0.0.0.0", "this machine"),
            ("0.1.2.3", "this machine"),
            ("127.0.0.1", "loopback"),
            ("127.255.255.254", "loopback"),
            ("10.0.0.1", "private"),
            ("172.16.0.1", "private"),
            ("172.31.255.255", "private"),
            ("192.168.0.1", "private"),
            ("100.64.0.1", "carrier"),
            ("100.127.255.255", "carrier"),
            ("169.254.0.1", "link-local"),
            ("169.254.169.254", "metadata"),
            ("168.63.129.16", "metadata"),
            ("100.100.100.200", "metadata"),
            ("192.0.0.192", "metadata"),
            ("192.0.0.1", "protocol"),
            ("192.0.2.1", "documentation"),
            ("192.88.99.1", "relay"),
            ("198.18.0.1", "measurements"),
            ("198.51.100.1", "documentation"),
            ("203.0.113.1", "documentation"),
            ("224.0.0.1", "multicast"),
            ("239.255.255.255", "multicast"),
            ("240.0.0.1", "reserved"),
            ("255.255.255.255", "reserved"),
            ("::", "this machine"),
            ("::1", "loopback"),
            ("::ffff:127.0.0.1", "IPv4 address in IPv6"),
            ("::ffff:8.8.8.8", "IPv4 address in IPv6"),
            ("::127.0.0.1", "IPv4 address in IPv6"),
            ("::ffff:0:127.0.0.1", "IPv4 address in IPv6"),
            ("64:ff9b::127.0.0.1", "loopback"),
            ("64:ff9b::169.254.169.254", "metadata"),
            ("64:ff9b:1::1", "reserved"),
            ("100::1", "reserved"),
            ("2001::1", "IPv4 address in IPv6"),
            ("2001:2::1", "protocol"),
            ("2001:db8::1", "documentation"),
            ("2002:7f00:1::", "IPv4 address in IPv6"),
            ("3fff::1", "documentation"),
            ("5f00::1", "reserved"),
            ("fc00::1", "private"),
            ("fd00:ec2::254", "private"),
            ("fe80::1", "link-local"),
            ("fec0::1", "site"),
            ("ff02::1", "multicast"),
        ] {
            let found = special(own.parse().unwrap());
            assert!(
                found.is_some_and(|found| found.contains(what)),
                "{own}: {found:?}"
            );
        }
    }
}
