"""Random nginx configurations and requests, from nginx's documentation alone: the generator knows nothing of the interpreter."""

from __future__ import annotations

import re
from random import Random

from oracle_nginx import Asked, Oracle


def words(text: str) -> list[str]:
    """The words of a block of text."""
    return text.split()


def lines(text: str) -> list[str]:
    """The lines of a block of text, without blank ones."""
    return [line.strip() for line in text.splitlines() if line.strip()]


PREFIXES = words(r"""
    / /a /a/ /a/b /a/b/ /api /api/ /api/v1/ /health /healthz /static/ /img/ /x.php /old /new/ /A/
""")
PATTERNS = words(r"""
    \.php$ ^/api/(v\d)/ \.(css|js|png)$ ^/a/(.*)$ /b$ ^/old(/.*)?$ health ^/(?<seg>\w+)/b \.html$ ^/(a|new)/
    ^/a/b/?$ \.(?:txt|html)$
""")
NAMES = words(r"""
    a.com www.a.com *.a.com .b.com b.com *.b.com b.* ~^(?<sub>\w+)\.c\.com$ localhost _ "" www.* *.x.a.com
    ~^(www\.)?(.+)$ A.org xn.*
""")
HOSTS = words(r"""
    a.com www.a.com z.a.com q.x.a.com b.com b.org foo.c.com localhost nope www.b.com A.COM www.zz a.org a.com.
    127.0.0.1 foo.c.com.x
""")
TARGETS = words(r"""
    / /a /a/ /a/b /a/b/ /a/x.css /a/b/deep.txt /api /api/ /api/v1/q /api/v1/ /health /healthz /static/y.js /static
    /x.php /old /old/k /new/foo /new /test.txt /nosuch /sub /sub/ /a/z /a//b /a/../test.txt /a%2Fb /x.php/info
    /q?a=1 /a/?a=0 /img/ /img /index.html /new/ /b /a/b?x=1&a=2 /with%20space.txt /a/%3Fq /empty /empty/ /a/./b
    /old/a+b /old/%41%20b?z // /../x /%zz /a/b/.. /test.txt/ /A/x.css /new/h%C3%A9 /404.html /50x.html /healthy
    /api/v2/%7Bx%7D?a=b+c /d%20r /d%20r?a /d%20r/
""")
FLAGS = lines("""
    absolute_redirect off;
    port_in_redirect off;
    server_name_in_redirect on;
    recursive_error_pages on;
    proxy_intercept_errors on;
    satisfy any;
    autoindex on;
""")
NAMED = lines("""
    return 503;
    proxy_pass http://OK;
    return 302 /health;
    return 200 fb;
    rewrite ^ /test.txt break;
    rewrite ^/(.*)$ /new/$1 last;
    try_files /index.html =410;
    deny all;
""")
REDIRECTS = lines("""
    https://$host$request_uri
    /new/$is_args$args
    https://e.com$uri
    $scheme://$http_host/q
    https://$server_name$uri?$args
    /$by_host
    https://$server_addr:$server_port/$arg_a
    /x$1
    http://${host}/$by_uri
    /r/$rest/$seg$sub
    $request_method:$remote_addr
    /$near$from$by_args
    $document_root
    $request_filename
""")
CANDIDATES = lines("""
    $uri $uri/
    $uri
    $uri $uri/index.html
    $uri.html $uri
    /test.txt
    $uri/ $uri
    /$by_host /a
    $1 $uri
""")
LAST = words(r"""
    =404 /index.html @named /test.txt /nosuch.html =503 /api/v1/q?t=1 /index.html?$args @none $uri/x /a/
""")
MATCHES = words(r"""
    ^/a/(.*)$ ^/old(.*)$ ^(.*)$ /b ^/(\w+)$ ^ ^/(?<seg>[^/]+)/(.*)$ x ^/api/v[0-9]+/(.*)$
""")
REPLACEMENTS = words(r"""
    /new/$1 /api/v1/$1?k=1 /test.txt /x? https://e.com/$1 /a/b?o=$1&p=$host $scheme://e.com/$1? /$by_host$1
    /n/$1?q=$arg_a?
""")
ACCESS = lines("""
    auth_basic "x";
    deny all;
    allow 127.0.0.1; deny all;
    deny 127.0.0.2;
    allow 127.0.0.0/8; deny all;
    auth_request /auth;
    satisfy any; deny all; auth_basic x;
    satisfy any; allow 127.0.0.1; deny all; auth_basic x;
    auth_basic off;
    satisfy any; deny all; auth_request /auth;
    deny ::1; allow all;
""")
CODES = lines("""
    404
    500 502 503 504
    403
    401
    410
    400
    405
    497
    404 503
    301
    403 404 410
""")
PAGES = words(r"""
    /50x.html /404.html @named /nosuch.html https://e.com/err /health /a/?e=1 /$by_host http://e.com/$uri
""")
TESTS = lines(r"""
    $host = localhost
    $request_uri ~ "^/a"
    $scheme != "https"
    -f $request_filename
    !-e $request_filename
    -d $request_filename
    $args
    $arg_a = 1
    $http_user_agent ~* curl
    $uri ~* \.(css|js)$
    $request_method = POST
    $by_uri
    $near
    $by_agent = 1
    $v
    $uri !~ ^/(a|api)(.*)$
    $by_host != one
    $request_uri ~ "^/(\w{2,9})"
    $http_x_test
    -f $document_root/test.txt
    $v = $by_args
    $is_args
""")
ACTS = lines("""
    return 403;
    return 301 https://$host$request_uri;
    rewrite ^ /test.txt last;
    rewrite ^(.*)$ /new$1 break;
    set $v 1;
    break;
    return 404;
    rewrite ^/a(.*) /b$1;
    set $v $1; set $w x;
    return 200 $v;
    rewrite ^(.*)$ https://e.com$1 permanent;
    return 302 /f/$1;
""")
LOCATION_ACTS = lines("""
    root FOLDER/r2;
    error_page 404 =200 /test.txt;
    proxy_pass http://OK;
""")
INDEXES = lines("""
    index.html
    none.html index.html
    /test.txt
    index.php
    $by_host index.html
    x.css
""")
TABLES = """
    map $host $empty { default ''; }
    map $uri $by_uri { default 0; /a 1; ~^/api/(?<rest>.*)$ 2; ~*\\.CSS$ "$host"; /health 0; }
    map $host $by_host { hostnames; default DEFAULT; .a.com one; *.b.com two; b.* three; a.org 1; }
    map $http_user_agent $by_agent { ~*curl 1; Mozilla 2; }
    map $args $by_args { "" ""; ~a=(\\d) $1; default x; volatile; }
    geo $near { default 1; 127.0.0.0/8 0; 127.0.0.2 1; 10.0.0.0/8 7; }
    geo $arg_ip $from { default far; 10.0.0.0/8 near; }
    # Variables must be known somewhere, or nginx refuses the configuration.
    server { listen 127.0.0.1:SPARE; set $v ''; set $w ''; location ~ (?<seg>1)(?<sub>2)(?<rest>3) { } }
"""
ANYWHERE = {"": "127.0.0.1", "*": "127.0.0.1", "[::]": "::1", "[::1]": "::1", "localhost": "127.0.0.1"}
"""Where to reach what a listen's host part means."""
REPEATABLE = ("rewrite", "if", "error_page", "set", "return", "allow", "deny")


def placed(text: str, oracle: Oracle) -> str:
    """The text with this machine's folder and ports in it."""
    stubs = {name.upper(): f"127.0.0.1:{port}" for name, port in oracle.stubs.items()}
    ports = {"PLAIN": oracle.ports[0], "SECURE": oracle.ports[2], "SPARE": oracle.ports[5]}
    values = {"FOLDER": oracle.folder, **stubs, **ports}
    return re.sub(rf"\b(?:{'|'.join(values)})\b", lambda match: str(values[match[0]]), text)


class Writer:
    """Writes one configuration; `r` decides everything. `addresses` is where its servers can be reached."""

    def __init__(self, r: Random, oracle: Oracle) -> None:
        self.r = r
        self.oracle = oracle
        self.stubs = oracle.stubs
        self.ports = oracle.ports
        self.secure = oracle.secure
        self.addresses: list[tuple[str, int]] = []
        self.groups = {f"group{number}": r.choice(("ok", "missing", "broken", "refusing")) for number in range(2)}

    def maybe(self, share: float) -> bool:
        return self.r.random() < share

    def http(self) -> str:
        """The content of `http`."""
        out = ["root FOLDER/r2;", *self.upstreams(), TABLES.replace("DEFAULT", self.r.choice(("none", "0", "$uri", '""')))]
        if self.maybe(0.1):
            out.append(self.error_page())
        out += self.flags(0.02)
        out += [self.server() for _ in range(self.r.randint(1, 4))]
        return placed("\n".join(out), self.oracle)

    def upstreams(self) -> list[str]:
        out = []
        for name, kind in self.groups.items():
            down = f"server 127.0.0.1:{self.stubs['refusing']} down;" if self.maybe(0.3) else ""
            parameter = self.r.choice(("", " max_fails=0", " weight=2"))
            out.append(f"upstream {name} {{ server 127.0.0.1:{self.stubs[kind]}{parameter}; {down} }}")
        return out

    def server(self) -> str:
        out = self.listens()
        if self.maybe(0.85):
            out.append(f"server_name {' '.join(self.r.sample(NAMES, self.r.randint(1, 3)))};")
        if self.maybe(0.85):
            out.append(f"root FOLDER/{self.r.choice(('r1', 'r2', 'r1/'))};")
        parts = ((0.2, self.rewrite), (0.1, self.access), (0.08, self.returns), (0.06, self.try_files))
        out += [part() for share, part in parts if self.maybe(share)]
        out += self.extras(ACTS) + self.flags(0.06)
        if self.maybe(0.05):
            out.append("merge_slashes off;")
        out.append(f"location @named {{ {self.r.choice(NAMED)} }}")
        out.append(f"location = /auth {{ internal; return {self.r.choice((200, 204, 401, 403, 500))}; }}")
        out += self.locations(self.r.randint(2, 8), PREFIXES, 0)
        return "server {\n" + "\n".join(out) + "\n}"

    def listens(self) -> list[str]:
        """One to three listens, none twice."""
        first, second, tls = self.ports[:3]
        hosts = ["127.0.0.1"] * 6 + ["*", "", "127.0.0.2", "[::1]", "[::]"]
        choices = [(host, first, "") for host in hosts] + [
            ("127.0.0.1", second, ""),
            ("localhost", second, ""),
            ("[::]", second, ""),
        ]
        if self.secure:
            choices += [("127.0.0.1", tls, " ssl"), ("127.0.0.1", tls, " ssl http2"), ("", tls, "")]
        places: dict[tuple[str, int], str] = {}
        for host, port, options in self.r.sample(choices, self.r.choice((1, 1, 1, 2, 3))):
            place = ("*" if host == "" else "127.0.0.1" if host == "localhost" else host, port)
            default = " default_server" if self.maybe(0.1) else ""
            places[place] = f"listen {host}{':' if host else ''}{port}{options}{default};"
        self.addresses += [(ANYWHERE.get(host, host), port) for host, port in places]
        return list(places.values())

    def flags(self, share: float) -> list[str]:
        return [flag for flag in FLAGS if self.maybe(share)]

    def locations(self, count: int, names: list[str], depth: int) -> list[str]:
        out, used = [], set()
        for _ in range(count):
            how = self.r.choice(("", "", "", "", "=", "^~", "~", "~*"))
            name = self.r.choice(PATTERNS if how in ("~", "~*") else names)
            key = (how if how in ("=", "~", "~*") else "", name)
            if key in used:
                continue
            used.add(key)
            body = self.body(how)
            if depth < 2 and how in ("", "^~") and self.maybe(0.15):
                inner = [name + rest for rest in ("b", "b/", "v1/", "c/d", "z.php")]
                body += self.locations(self.r.randint(1, 3), inner, depth + 1)
            if how == "~" and self.maybe(0.15):
                body.append(f"location ~ {self.r.choice(PATTERNS)} {{ {' '.join(self.body('~'))} }}")
            gap = "" if how in ("=", "^~") and self.maybe(0.1) else " "
            out.append(f"location {how}{gap}{name} {{\n" + "\n".join(body) + "\n}")
        return out

    def body(self, how: str) -> list[str]:
        """Directives for a location, none twice where nginx forbids it."""
        wanted = self.extras(ACTS + LOCATION_ACTS)
        wanted += [self.handler(how) for _ in range(self.r.choice((1, 1, 2, 2, 3)))]
        wanted += self.flags(0.03)
        wanted += [line for line in ("internal;", "limit_except GET { deny all; }") if self.maybe(0.05)]
        seen: set[str] = set()
        out = []
        for line in wanted:
            word = line.split()[0].rstrip(";")
            kind = "pass" if word.endswith("_pass") or word in ("stub_status", "empty_gif") else word.replace("alias", "root")
            if kind not in seen or word in REPEATABLE:
                seen.add(kind)
                out.append(line)
        return out

    def handler(self, how: str) -> str:
        """What a location may be about."""
        r, regex = self.r, how in ("~", "~*")
        match r.randrange(12):
            case 0 | 1:
                return self.returns()
            case 2 | 3:
                return self.proxy(plain=regex)
            case 4:
                return self.try_files()
            case 5:
                return self.rewrite()
            case 6:
                return self.access()
            case 7:
                return f"root FOLDER/{r.choice(('r1', 'r2', 'r1/a', 'none'))};"
            case 8:
                return f"index {r.choice(INDEXES)};"
            case 9:
                return f"fastcgi_pass 127.0.0.1:{self.stubs['refusing']};"
            case 10:
                return r.choice(("autoindex on;", "stub_status;", "empty_gif;"))
        names = "r1/$1 r1/test.txt r1$uri r2/a/" if regex else "r1/ r2/ r1/a/ r1/a r1/test.txt none/"
        return f"alias FOLDER/{r.choice(names.split())};"

    def returns(self) -> str:
        r = self.r
        if self.maybe(0.45):
            return (
                f"return {r.choice((200, 200, 204, 301, 302, 400, 401, 403, 404, 405, 410, 418, 429, 444, 500, 502, 503, 504))};"
            )
        if self.maybe(0.3):
            return f"return {r.choice((200, 404, 503))} {r.choice(('ok', '$uri', chr(34) + 'a b $host' + chr(34)))};"
        if self.maybe(0.1):
            return "return https://e.com$request_uri;"
        return f"return {r.choice((301, 302, 303, 307, 308))} {r.choice(REDIRECTS)};"

    def proxy(self, *, plain: bool) -> str:
        hosts = [f"127.0.0.1:{port}" for name, port in self.stubs.items() if name != "refusing" or self.maybe(0.4)]
        host = self.r.choice([*hosts, *self.groups])
        if self.maybe(0.1):
            return f"proxy_pass http://{host}$empty{self.r.choice(('', '/v', '/v/$1', '$request_uri', '$uri?b=2'))};"
        return f"proxy_pass http://{host}{'' if plain or self.maybe(0.5) else self.r.choice(('/', '/x', '/x/', '/y?z=1'))};"

    def try_files(self) -> str:
        return f"try_files {self.r.choice(CANDIDATES)} {self.r.choice(LAST)};"

    def rewrite(self) -> str:
        flag = self.r.choice((" last", " break", " redirect", " permanent", "", " last", " break"))
        return f"rewrite {self.r.choice(MATCHES)} {self.r.choice(REPLACEMENTS)}{flag};"

    def access(self) -> str:
        return self.r.choice(ACCESS)

    def error_page(self) -> str:
        return (
            f"error_page {self.r.choice(CODES)} {self.r.choice(('', '', '=200 ', '= ', '=503 ', '=302 '))}{self.r.choice(PAGES)};"
        )

    def extras(self, acts: list[str]) -> list[str]:
        out = [self.error_page()] if self.maybe(0.2) else []
        if self.maybe(0.1):
            out.append(f'set $v "{self.r.choice(("1", "0", "", "$arg_a", "$by_host", "x$v"))}";')
        count = self.r.choice((0, 0, 0, 0, 1, 1, 2))
        return out + [f"if ({self.r.choice(TESTS)}) {{ {self.r.choice(acts)} }}" for _ in range(count)]


def configuration(r: Random, oracle: Oracle) -> tuple[str, list[tuple[str, int]]]:
    """A whole main file, and the addresses it listens on."""
    writer = Writer(r, oracle)
    return f"{oracle.preamble()}\n{writer.http()}\n}}\n", writer.addresses


def request(r: Random, oracle: Oracle, addresses: list[tuple[str, int]]) -> Asked:
    """A request to one of the addresses, now and then to one that only a wildcard covers or to none."""
    address, port = r.choice(addresses)
    if r.random() < 0.05:
        address = r.choice(("127.0.0.1", "127.0.0.2", "::1"))
    host = r.choice(HOSTS)
    headers = [("User-Agent", r.choice(("curl/7.88.1", "curl/7.88.1", "Mozilla"))), ("Accept", "*/*")]
    if r.random() < 0.1:
        headers.append(("X-Test", "1"))
    return Asked(
        address=address,
        port=port,
        tls=port == oracle.ports[2] and r.random() < 0.8,
        host=host if r.random() < 0.8 else f"{host}:{port}",
        target=r.choice(TARGETS),
        method=r.choice(["GET"] * 14 + ["POST", "HEAD", "HEAD", "PUT", "DELETE", "OPTIONS"]),
        headers=tuple(headers),
        client="::1" if ":" in address else r.choice(("127.0.0.1", "127.0.0.1", "127.0.0.1", "127.0.0.2")),
    )
