#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The load of nginx: nginx.sh DIRECTORY writes a configuration of many servers there.
mkdir -p "$1/logs" "$1/html"
echo hello >"$1/html/index.html"
{
	cat <<-END
		daemon off;
		master_process off;
		error_log logs/error.log;
		pid logs/nginx.pid;
		events { worker_connections 2048; }
		http {
			access_log off;
			keepalive_timeout 3000;
			client_header_timeout 3000;
			server_names_hash_max_size 8192;
	END
	i=0
	while [ $i -lt 300 ]; do
		cat <<-END
			server {
				listen unix:$1/socket;
				server_name host$i.example.org alias$i.example.org *.wild$i.example.org;
				location / { root html; index index.html; }
				location /static$i/ { alias /usr/share/; expires 1d; add_header X-Number $i; }
				location = /exact$i { expires 30d; }
			}
		END
		i=$((i + 1))
	done
	echo "}"
} >"$1/nginx.conf"
