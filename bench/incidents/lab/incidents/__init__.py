"""One module an incident: INCIDENT says what runs, truth() what really happened, from the final files."""

NGINX_UNIT = {"description": "nginx", "command": ["nginx", "-g", "daemon off;"], "restart": "on-failure", "stop_signal": "QUIT"}
NGINX_CONTAINER = {"image": "nginx:1.22", "command": NGINX_UNIT["command"], "restart": "unless-stopped", "stop_signal": "QUIT"}
REAL = "nginx 1.22, Node 20, cron, bash and curl really ran"
