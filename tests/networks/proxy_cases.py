"""Which proxy a URL goes through, by variables: the same for clients in Python and in Java."""

PROXY = "http://proxy.example:3128"

CHOSEN: list[tuple[dict[str, str], str, str | None]] = [
    ({"HTTPS_PROXY": PROXY}, "https://a.example", PROXY),
    ({"HTTPS_PROXY": PROXY}, "http://a.example", None),
    ({"HTTP_PROXY": PROXY}, "http://a.example", PROXY),
    ({"ALL_PROXY": PROXY}, "https://a.example", PROXY),
    (
        {"ALL_PROXY": PROXY, "HTTPS_PROXY": "http://other:1"},
        "https://a.example",
        "http://other:1",
    ),
    ({"ALL_PROXY": PROXY, "HTTPS_PROXY": ""}, "https://a.example", None),
    (
        {"HTTPS_PROXY": PROXY, "https_proxy": "http://other:1"},
        "https://a.example",
        "http://other:1",
    ),
    ({"HTTPS_PROXY": "proxy.example:3128"}, "https://a.example", PROXY),
    ({"HTTPS_PROXY": "http://proxy.example"}, "https://a.example", "http://proxy.example:80"),
    (
        {"HTTPS_PROXY": "https://proxy.example"},
        "https://a.example",
        "https://proxy.example:443",
    ),
    (
        {"HTTPS_PROXY": "http://[2001:db8::1]:81"},
        "https://a.example",
        "http://[2001:db8::1]:81",
    ),
    # The header Proxy of a CGI program's caller.
    ({"HTTP_PROXY": PROXY, "REQUEST_METHOD": "GET"}, "http://a.example", None),
    ({}, "https://a.example", None),
]
"""Variables, a URL, and its proxy; None for none."""

DIRECT: list[tuple[str, str, bool]] = [
    ("a.example", "https://a.example", True),
    ("a.example", "https://A.EXAMPLE.", True),
    ("a.example", "https://sub.a.example", True),
    ("a.example", "https://aa.example", False),
    (".a.example", "https://sub.a.example", True),
    (".a.example", "https://a.example", False),
    ("*.a.example", "https://sub.a.example", True),
    ("a.example:8443", "https://a.example:8443", True),
    ("a.example:8443", "https://a.example", False),
    ("a.example:443", "https://a.example", True),
    ("b.example , a.example", "https://a.example", True),
    ("b.example a.example", "https://a.example", True),
    ("*", "https://a.example", True),
    ("10.0.0.0/8", "https://10.1.2.3", True),
    ("10.0.0.0/8", "https://11.1.2.3", False),
    ("10.0.0.0/8", "https://ten.example", False),
    ("10.1.2.3", "https://10.1.2.3:8443", True),
    ("10.1.2.3:443", "https://10.1.2.3:8443", False),
    ("2001:db8::/32", "https://[2001:db8::7]", True),
    ("[2001:db8::7]:8443", "https://[2001:db8::7]:8443", True),
    ("[2001:db8::7]:8443", "https://[2001:db8::7]", False),
    ("", "https://a.example", False),
    # This machine is never asked of a proxy.
    ("", "http://127.0.0.1:8400", True),
    ("", "http://[::1]:8400", True),
    ("", "http://localhost:8400", True),
]
"""NO_PROXY, a URL, and whether it is reached directly."""

LOGIN = "http://us%40er:p%3Ass%20w%C3%B6rd@proxy.example:3128"
LOGIN_HEADER = "Basic dXNAZXI6cDpzcyB3w7ZyZA=="

WRONG = ["socks5://u:secret@proxy.example:1080", "http://u:secret@", "http://u:secret@h:x"]
