"""Random nginx configurations and requests, from nginx's documentation alone: the generator knows nothing of the interpreter."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from oracle_nginx import Asked, Oracle

PREFIXES = (
    "/",
    "/a",
    "/a/",
    "/a/b",
    "/a/b/",
    "/api",
    "/api/",
    "/api/v1/",
    "/health",
    "/healthz",
    "/static/",
    "/img/",
    "/x.php",
    "/old",
    "/new/",
    "/A/",
)
PATTERNS = (
    r"\.php$", r"^/api/(v\d)/", r"\.(css|js|png)$", r"^/a/(.*)$", r"/b$", r"^/old(/.*)?$", "health", r"^/(?<seg>\w+)/b", r"\.html$", r"^/(a|new)/",
    r"^/a/b/?$", r"\.(?:txt|html)$",
)  # fmt: skip
NAMES = (
    "a.com", "www.a.com", "*.a.com", ".b.com", "b.com", "*.b.com", "b.*", r"~^(?<sub>\w+)\.c\.com$", "localhost", "_", '""', "www.*", "*.x.a.com",
    r"~^(www\.)?(.+)$", "A.org", "xn.*",
)  # fmt: skip
HOSTS = (
    "a.com", "www.a.com", "z.a.com", "q.x.a.com", "b.com", "b.org", "foo.c.com", "localhost", "nope", "www.b.com", "A.COM", "www.zz", "a.org", "a.com.",
    "127.0.0.1", "foo.c.com.x",
)  # fmt: skip
TARGETS = (
    "/", "/a", "/a/", "/a/b", "/a/b/", "/a/x.css", "/a/b/deep.txt", "/api", "/api/", "/api/v1/q", "/api/v1/", "/health", "/healthz", "/static/y.js",
    "/static", "/x.php", "/old", "/old/k", "/new/foo", "/new", "/test.txt", "/nosuch", "/sub", "/sub/", "/a/z", "/a//b", "/a/../test.txt", "/a%2Fb",
    "/x.php/info", "/q?a=1", "/a/?a=0", "/img/", "/img", "/index.html", "/new/", "/b", "/a/b?x=1&a=2", "/with%20space.txt", "/a/%3Fq", "/empty",
    "/empty/", "/a/./b", "/old/a+b", "/old/%41%20b?z", "//", "/../x", "/%zz", "/a/b/..", "/test.txt/", "/A/x.css", "/new/h%C3%A9", "/404.html",
    "/50x.html", "/healthy", "/api/v2/%7Bx%7D?a=b c".replace(" ", "+"),
)  # fmt: skip


ADDRESSES = {"": "127.0.0.1", "*": "127.0.0.1", "[::]": "::1", "[::1]": "::1"}


class Writer:
    """Writes one configuration; `r` decides everything."""

    def __init__(self, r: Random, oracle: Oracle) -> None:
        self.r = r
        self.folder = oracle.folder
        self.stubs = oracle.stubs
        self.ports = oracle.ports[:2]
        self.tls_port = oracle.ports[2] if oracle.secure else None
        self.spare_port = oracle.ports[5]
        self.addresses: list[str] = []
        self.groups = {f"group{number}": r.choice(("ok", "missing", "broken", "refusing")) for number in range(2)}

    def maybe(self, share: float) -> bool:
        return self.r.random() < share

    def http(self) -> str:
        """The content of `http`."""
        lines = [*self.upstreams(), *self.tables()]
        if self.maybe(0.1):
            lines.append(self.error_page())
        lines += self.flags(0.04)
        # Variables must be known somewhere, or nginx refuses the configuration.
        lines.append(
            f"server {{ listen 127.0.0.1:{self.spare_port}; set $v ''; set $w ''; location ~ (?<seg>1)(?<sub>2)(?<rest>3) {{ }} }}"
        )
        lines += [self.server() for _ in range(self.r.randint(1, 4))]
        return "\n".join(lines)

    def upstreams(self) -> list[str]:
        down = f" server 127.0.0.1:{self.stubs['refusing']} down;"
        return [
            f"upstream {name} {{ server 127.0.0.1:{self.stubs[kind]}{self.r.choice(('', ' max_fails=0', ' weight=2'))};{down if self.maybe(0.3) else ''} }}"
            for name, kind in self.groups.items()
        ]

    def tables(self) -> list[str]:
        r = self.r
        return [
            'map $uri $by_uri { default 0; /a 1; ~^/api/(?<rest>.*)$ 2; ~*\\.CSS$ "$host"; /health 0; }',
            f"map $host $by_host {{ hostnames; default {r.choice(('none', '0', '$uri', chr(34) * 2))}; .a.com one; *.b.com two; b.* three; a.org 1; }}",
            f"map $http_user_agent $by_agent {{ {r.choice(('default 0;', ''))} ~*curl 1; Mozilla 2; }}",
            'map $args $by_args { "" ""; ~a=(\\d) $1; default x; volatile; }',
            f"geo $near {{ default {r.choice('01')}; 127.0.0.0/8 0; 127.0.0.2 1; 10.0.0.0/8 7; }}",
            "geo $arg_ip $from { default far; 10.0.0.0/8 near; }",
        ]

    def server(self) -> str:
        r = self.r
        lines = self.listens()
        if self.maybe(0.85):
            lines.append(f"server_name {' '.join(r.sample(NAMES, r.randint(1, 3)))};")
        if self.maybe(0.85):
            lines.append(f"root {self.folder}/{r.choice(('r1', 'r2', 'r1/'))};")
        if self.maybe(0.2):
            lines.append(self.rewrite())
        if self.maybe(0.1):
            lines.append(self.access())
        if self.maybe(0.08):
            lines.append(self.returns())
        if self.maybe(0.06):
            lines.append(self.try_files())
        lines += self.extras("server") + self.flags(0.12)
        named = r.choice(("return 503;", f"proxy_pass http://127.0.0.1:{self.stubs['ok']};", "return 302 /health;", "return 200 fb;",
                          "rewrite ^ /test.txt break;", "rewrite ^/(.*)$ /new/$1 last;", "try_files /index.html =410;", "deny all;"))  # fmt: skip
        lines.append(f"location @named {{ {named} }}")
        lines.append(f"location = /auth {{ internal; return {r.choice((200, 204, 401, 403, 500))}; }}")
        lines += self.locations(r.randint(2, 8), "", 0)
        return "server {\n" + "\n".join(lines) + "\n}"

    def listens(self) -> list[str]:
        r = self.r
        first, second = self.ports
        choices = [f"127.0.0.1:{first}"] * 6 + [
            f"*:{first}",
            str(first),
            f"127.0.0.2:{first}",
            f"127.0.0.1:{second}",
            f"localhost:{second}",
        ]
        choices += [f"[::1]:{first}", f"[::]:{first}", f"[::]:{second}"]
        if self.tls_port:
            choices += [f"127.0.0.1:{self.tls_port} ssl", f"127.0.0.1:{self.tls_port} ssl http2", f"{self.tls_port}"]
        lines = {one.split()[0].replace("localhost", "127.0.0.1"): one for one in r.sample(choices, r.choice((1, 1, 1, 2, 3)))}
        lines = {key: one for key, one in lines.items() if f"*:{key}" not in lines}
        self.addresses += [
            ADDRESSES.get(key.rpartition(":")[0], key.rpartition(":")[0]) + " " + key.rpartition(":")[2] for key in lines
        ]
        return [f"listen {one}{' default_server' if self.maybe(0.1) else ''};" for one in lines.values()]

    def flags(self, share: float) -> list[str]:
        choices = (
            "absolute_redirect off;", "port_in_redirect off;", "server_name_in_redirect on;", "recursive_error_pages on;", "proxy_intercept_errors on;",
            "satisfy any;", "merge_slashes off;", "autoindex on;",
        )  # fmt: skip
        return [flag for flag in choices if self.maybe(share / 2) and not (flag == "merge_slashes off;" and self.maybe(0.6))]

    def locations(self, count: int, inside: str, depth: int) -> list[str]:
        out, used = [], set()
        for _ in range(count):
            how = self.r.choice(("", "", "", "", "=", "^~", "~", "~*"))
            name = (
                self.r.choice(PATTERNS)
                if how in ("~", "~*")
                else self.r.choice(PREFIXES)
                if not depth
                else inside + self.r.choice(("b", "b/", "v1/", "c/d", "z.php"))
            )
            key = (how if how in ("=", "~", "~*") else "", name)
            if key in used:
                continue
            used.add(key)
            body = self.body(how)
            if depth < 2 and how in ("", "^~", "~") and self.maybe(0.15):
                body += (
                    self.locations(self.r.randint(1, 3), name if how != "~" else "/a/", depth + 1)
                    if how != "~"
                    else [f"location ~ {self.r.choice(PATTERNS)} {{ {' '.join(self.body('~'))} }}"]
                )
            gap = "" if how in ("=", "^~") and self.maybe(0.1) else " "
            out.append(f"location {how}{gap}{name} {{\n" + "\n".join(body) + "\n}")
        return out

    def body(self, how: str) -> list[str]:
        """Directives for a location, none twice where nginx forbids it."""
        lines = self.extras("location", how)
        for _ in range(self.r.choice((1, 1, 2, 2, 3))):
            lines += self.handler(how)
        lines += [flag for flag in self.flags(0.06) if not flag.startswith("merge")]
        if self.maybe(0.05):
            lines.append("internal;")
        if self.maybe(0.05):
            lines.append("limit_except GET { deny all; }")
        seen: set[str] = set()
        out = []
        for line in lines:
            word = line.split()[0].rstrip(";")
            kind = (
                "pass"
                if word.endswith("_pass") or word in ("stub_status", "empty_gif")
                else "root"
                if word in ("root", "alias")
                else word
            )
            if kind in seen and word not in ("rewrite", "if", "error_page", "set", "return", "allow", "deny"):
                continue
            seen.add(kind)
            out.append(line)
        return out

    def handler(self, how: str) -> list[str]:
        regex = how in ("~", "~*")
        choices: list[Callable[[], str]] = [
            self.returns, self.returns, lambda: self.proxy(plain=regex), lambda: self.proxy(plain=regex), self.try_files, self.rewrite, self.access,
            lambda: f"root {self.folder}/{self.r.choice(('r1', 'r2', 'r1/a', 'none'))};", lambda: f"index {self.r.choice(('index.html', 'none.html index.html', '/test.txt', 'index.php', '$by_host index.html', 'x.css'))};",
            lambda: f"fastcgi_pass 127.0.0.1:{self.stubs['refusing']};", lambda: self.r.choice(("autoindex on;", "stub_status;", "empty_gif;")),
            lambda: self.alias(how),
        ]  # fmt: skip
        return [self.r.choice(choices)()]

    def alias(self, how: str) -> str:
        if how in ("~", "~*"):
            return f"alias {self.folder}/{self.r.choice(('r1/$1', 'r1/test.txt', 'r1$uri', 'r2/a/'))};"
        return f"alias {self.folder}/{self.r.choice(('r1/', 'r2/', 'r1/a/', 'r1/a', 'r1/test.txt', 'none/'))};"

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
        target = r.choice((
            "https://$host$request_uri", "/new/$is_args$args", "https://e.com$uri", "$scheme://$http_host/q", "https://$server_name$uri?$args", "/$by_host",
            "https://$server_addr:$server_port/$arg_a", "/x$1", "http://${host}/$by_uri", "/r/$rest/$seg$sub", "$request_method:$remote_addr", "/$near$from$by_args",
            "$document_root", "$request_filename",
        ))  # fmt: skip
        return f"return {r.choice((301, 302, 303, 307, 308))} {target.replace('$document_root', '/d') if self.maybe(0.5) else target};"

    def proxy(self, *, plain: bool) -> str:
        r = self.r
        hosts = [f"127.0.0.1:{port}" for name, port in self.stubs.items() if name != "refusing" or self.maybe(0.4)] + list(
            self.groups
        )
        host = r.choice(hosts)
        if self.maybe(0.1):
            return f"proxy_pass http://$to{r.choice(('', '/v', '/v/$1', '$request_uri', '$uri?b=2'))};".replace(
                "$to", f"{host}" + "$empty"
            )
        uri = "" if plain or self.maybe(0.5) else r.choice(("/", "/x", "/x/", "/y?z=1"))
        return f"proxy_pass http://{host}{uri};"

    def try_files(self) -> str:
        r = self.r
        first = r.choice(
            ("$uri $uri/", "$uri", "$uri $uri/index.html", "$uri.html $uri", "/test.txt", "$uri/ $uri", "/$by_host /a", "$1 $uri")
        )
        return f"try_files {first} {r.choice(('=404', '/index.html', '@named', '/test.txt', '/nosuch.html', '=503', '/api/v1/q?t=1', '/index.html?$args', '@none', '$uri/x', '/a/'))};"

    def rewrite(self) -> str:
        r = self.r
        match = r.choice(
            ("^/a/(.*)$", "^/old(.*)$", "^(.*)$", "/b", r"^/(\w+)$", "^", r"^/(?<seg>[^/]+)/(.*)$", "x", "^/api/v[0-9]+/(.*)$")
        )
        to = r.choice(
            (
                "/new/$1",
                "/api/v1/$1?k=1",
                "/test.txt",
                "/x?",
                "https://e.com/$1",
                "/a/b?o=$1&p=$host",
                "$scheme://e.com/$1?",
                "/$by_host$1",
                "/n/$1?q=$arg_a?",
            )
        )
        return f"rewrite {match} {to}{r.choice((' last', ' break', ' redirect', ' permanent', '', ' last', ' break'))};"

    def access(self) -> str:
        return self.r.choice((
            'auth_basic "x";', "deny all;", "allow 127.0.0.1; deny all;", "deny 127.0.0.2;", "allow 127.0.0.0/8; deny all;", "auth_request /auth;",
            "satisfy any; deny all; auth_basic x;", "satisfy any; allow 127.0.0.1; deny all; auth_basic x;", "auth_basic off;",
            "satisfy any; deny all; auth_request /auth;", "deny ::1; allow all;",
        ))  # fmt: skip

    def error_page(self) -> str:
        codes = self.r.choice(
            ("404", "500 502 503 504", "403", "401", "410", "400", "405", "497", "404 503", "301", "403 404 410")
        )
        page = self.r.choice(
            (
                "/50x.html",
                "/404.html",
                "@named",
                "/nosuch.html",
                "https://e.com/err",
                "/health",
                "/a/?e=1",
                "/$by_host",
                "http://e.com/$uri",
            )
        )
        return f"error_page {codes} {self.r.choice(('', '', '=200 ', '= ', '=503 ', '=302 '))}{page};"

    def extras(self, block: str, how: str = "") -> list[str]:
        out = []
        if self.maybe(0.2):
            out.append(self.error_page())
        if self.maybe(0.1):
            out.append(f'set $v "{self.r.choice(("1", "0", "", "$arg_a", "$by_host", "x$v"))}";')
        for _ in range(self.r.choice((0, 0, 0, 0, 1, 1, 2))):
            out.append(self.condition(block))
        return out

    def condition(self, block: str) -> str:
        r = self.r
        test = r.choice((
            "$host = localhost", '$request_uri ~ "^/a"', '$scheme != "https"', "-f $request_filename", "!-e $request_filename", "-d $request_filename",
            "$args", "$arg_a = 1", "$http_user_agent ~* curl", r"$uri ~* \.(css|js)$", "$request_method = POST", "$by_uri", "$near", "$by_agent = 1", "$v",
            r"$uri !~ ^/(a|api)(.*)$", "$by_host != one", r'$request_uri ~ "^/(\w{2,9})"', "$http_x_test", "-f $document_root/test.txt", "$v = $by_args", "$is_args",
        ))  # fmt: skip
        acts = ["return 403;", "return 301 https://$host$request_uri;", "rewrite ^ /test.txt last;", "rewrite ^(.*)$ /new$1 break;", "set $v 1;", "break;",
                "return 404;", "rewrite ^/a(.*) /b$1;", "set $v $1; set $w x;", "return 200 $v;", "rewrite ^(.*)$ https://e.com$1 permanent;", "return 302 /f/$1;"]  # fmt: skip
        if block == "location":
            acts += [
                f"root {self.folder}/r2;",
                "error_page 404 =200 /test.txt;",
                f"proxy_pass http://127.0.0.1:{self.stubs['ok']};",
            ]
        act = r.choice(acts)
        return f"if ({test}) {{ {act} }}"


def configuration(r: Random, oracle: Oracle) -> tuple[str, list[tuple[str, int]]]:
    """A whole main file, and the addresses it listens on."""
    writer = Writer(r, oracle)
    text = f"{oracle.preamble()}\nmap $host $empty {{ default ''; }}\n{writer.http()}\n}}\n"
    return text, [(address, int(port)) for address, port in (place.split() for place in writer.addresses)]


def request(r: Random, oracle: Oracle, addresses: list[tuple[str, int]]) -> Asked:
    """A request to one of the addresses, now and then to one that only a wildcard covers or to none."""
    address, port = r.choice(addresses)
    if r.random() < 0.05:
        address = r.choice(("127.0.0.1", "127.0.0.2", "::1"))
    tls = port == oracle.ports[2] and r.random() < 0.8
    host = r.choice(HOSTS)
    headers = [("User-Agent", r.choice(("curl/7.88.1", "curl/7.88.1", "Mozilla"))), ("Accept", "*/*")]
    if r.random() < 0.1:
        headers.append(("X-Test", "1"))
    return Asked(
        address=address, port=port, tls=tls, host=host if r.random() < 0.8 else f"{host}:{port}", target=r.choice(TARGETS),
        method=r.choice(["GET"] * 14 + ["POST", "HEAD", "HEAD", "PUT", "DELETE", "OPTIONS"]), headers=tuple(headers),
        client="::1" if ":" in address else r.choice(("127.0.0.1", "127.0.0.1", "127.0.0.1", "127.0.0.2")),
    )  # fmt: skip
