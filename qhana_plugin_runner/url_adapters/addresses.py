# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Which network addresses are private, and which must never be connected to."""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

from qhana_plugin_runner.errors import FetchError

#: The ports of URLs that name none.
DEFAULT_PORTS = {"http": 80, "https": 443}

_Address = IPv4Address | IPv6Address

# Where cloud providers answer any process of a machine with its credentials. Most do so
# at a link-local address; these do not.
_METADATA = frozenset(
    map(
        ip_address,
        (
            "100.100.100.200",  # Alibaba Cloud
            "168.63.129.16",  # Azure
            "192.0.0.192",  # Oracle Cloud
            "fd00:ec2::254",  # AWS
            "fd20:ce::254",  # Google Cloud
        ),
    )
)
_NAT64 = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))
# Old versions of Python take some of these for public.
_SPECIAL = tuple(
    map(ip_network, ("0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "198.18.0.0/15"))
)


def _meanings(address: _Address) -> list[_Address]:
    """List an address and the IPv4 address that is wrapped in it, if any."""
    if isinstance(address, IPv4Address):
        return [address]
    wrapped = [address.ipv4_mapped, address.sixtofour]
    if address.teredo:
        wrapped += address.teredo
    last_bits = IPv4Address(int(address) & 0xFFFFFFFF)
    if any(address in network for network in _NAT64) or int(address) >> 32 == 0:
        wrapped.append(last_bits)
    return [address, *filter(None, wrapped)]


def _is_forbidden(address: _Address) -> bool:
    return (
        address.is_link_local
        or address.is_multicast
        or address in _METADATA
        or address == IPv4Address("255.255.255.255")
    )


def _is_private(address: _Address) -> bool:
    return not address.is_global or any(address in network for network in _SPECIAL)


def check_address(address: str, allow_private: bool) -> None:
    """Refuse an address that must not be connected to.

    Link-local addresses (where clouds serve credentials), other known metadata
    addresses, multicast and broadcast are refused whatever is allowed.

    Args:
        address: a numeric IPv4 or IPv6 address.
        allow_private: accept loopback, private and other addresses that are not public.

    Raises:
        FetchError: the address is refused. The sentence does not contain it, because it
            may be what a DNS name of an internal network means.
    """
    meanings = _meanings(ip_address(address.partition("%")[0]))
    if any(map(_is_forbidden, meanings)):
        raise FetchError("The URL points to an address that is never fetched.")
    if allow_private:
        return
    # ::1 and :: are private, but not because of the IPv4 address in their last bits.
    if any(map(_is_private, meanings)):
        raise FetchError(
            "The URL points to a private network, which this server does not fetch from."
        )


def literal_address(host: str) -> str | None:
    """Get the address that a host name spells out, ``None`` if it is a DNS name.

    Understands what system resolvers understand: ``127.1``, ``2130706433``,
    ``0x7f.0.0.1``, ``[::1]``, and ``localhost``.
    """
    host = host.strip("[]").rstrip(".").lower()
    if host == "localhost" or host.endswith(".localhost"):
        return "127.0.0.1"
    try:
        return str(ip_address(host.partition("%")[0]))
    except ValueError:
        pass
    try:
        return socket.inet_ntoa(socket.inet_aton(host))
    except (OSError, UnicodeError):
        return None
