#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The load of tmux: tmux.sh TMUX SOCKET opens sessions with text in them.
i=0
while [ $i -lt 12 ]; do
	"$1" -S "$2" new-session -d -s "s$i" -x 120 -y 40 \
		"seq 1 400; printf '\\033[31mred\\033[0m text\\n'; exec sleep 600" || exit 1
	"$1" -S "$2" split-window -t "s$i" "seq 1 200; exec sleep 600"
	"$1" -S "$2" new-window -t "s$i" "exec sleep 600"
	"$1" -S "$2" set-option -t "s$i" status-left "left $i"
	"$1" -S "$2" set-buffer -b "buffer$i" "text $i"
	"$1" -S "$2" bind-key "F$((i + 1))" display-message "hello $i"
	i=$((i + 1))
done
sleep 1
