"""What would nginx answer to a request, by which server, location and line?"""

from logcorr.semantics.nginx.facts import Limit, Log, LogFormat, Proxied, Upstream, UpstreamServer
from logcorr.semantics.nginx.interpreter import Nginx
from logcorr.semantics.nginx.listen import Listen

__all__ = ["Limit", "Listen", "Log", "LogFormat", "Nginx", "Proxied", "Upstream", "UpstreamServer"]
