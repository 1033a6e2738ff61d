# Make one drawing for bench/plot: read question,cell,peer,value and write SVG. The
# colours follow the reader's light or dark theme, on a background of their own.
# Lines of allocators that never lock memory are dashed. With -v series=A,B,... the
# third field is one of these names instead of an allocator's.
# SPDX-License-Identifier: ISC

BEGIN {
	FS = ","
	WIDTH = 760; HEIGHT = 430
	LEFT = 76; RIGHT = 610; TOP = style == "lines" ? 70 : 92; BOTTOM = 350
	allocators = series == ""
	n_peers = split(allocators ? "secmalloc,libsodium,openssl," \
		"libgcrypt,botan,jemalloc+wipe,libc+wipe,limit" : series, \
		peers, ",")
	split("0969da bc4c00 8250df 1a7f37 9a6700 424a53 6e7781 b0398d", \
		light, " ")
	split("58a6ff f0883e bc8cff 3fb950 d29922 b1bac4 8b949e f778ba", \
		dark, " ")
}

# A run that failed has a word as its result.
$2 ~ only && $4 + 0 == $4 {
	if (!($2 in seen)) { seen[$2] = 1; cells[++n_cells] = $2 }
	values[$2, $3, ++count[$2, $3]] = $4
}

# The median of a peer's results for a cell, "" if there are none.
function median(cell, peer,    n, i, j, t, x) {
	n = count[cell, peer]
	if (!n) return ""
	for (i = 1; i <= n; i++) x[i] = values[cell, peer, i] + 0
	for (i = 2; i <= n; i++)
		for (j = i; j > 1 && x[j - 1] > x[j]; j--) {
			t = x[j]; x[j] = x[j - 1]; x[j - 1] = t
		}
	return n % 2 ? x[(n + 1) / 2] : (x[n / 2] + x[n / 2 + 1]) / 2
}

function text(class, x, y, anchor, words) {
	gsub(/&/, "\\&amp;", words)
	gsub(/</, "\\&lt;", words)
	printf "<text class=\"%s\" x=\"%d\" y=\"%d\" text-anchor=\"%s\">" \
		"%s</text>\n", class, x, y, anchor, words
}

function line(class, x1, y1, x2, y2) {
	printf "<line class=\"%s\" x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\"/>\n",
		class, x1, y1, x2, y2
}

function colours(ground, ink, soft, grid, of,    i) {
	printf ".ground{fill:%s}.ink{fill:%s}.soft{fill:%s}.grid{stroke:%s}\n",
		ground, ink, soft, grid
	for (i = 1; i <= n_peers; i++)
		printf ".s%d{stroke:#%s}.f%d{fill:#%s}\n", i, of[i], i, of[i]
}

function head() {
	printf "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" " \
		"height=\"%d\" viewBox=\"0 0 %d %d\" role=\"img\">\n",
		WIDTH, HEIGHT, WIDTH, HEIGHT
	printf "<title>%s</title>\n<style>\n", title
	print "text{font-family:system-ui,'DejaVu Sans',sans-serif;font-size:13px}"
	print ".title{font-size:16px;font-weight:600}.small{font-size:11px}"
	print ".bold{font-weight:600}"
	print ".grid{stroke-width:1}.series{fill:none;stroke-width:2;" \
		"stroke-linejoin:round}"
	print ".first{stroke-width:4}.dashed{stroke-dasharray:5 4}" \
		".leader{stroke-width:1;stroke-dasharray:1 3}"
	colours("#ffffff", "#1f2328", "#59636e", "#d1d9e0", light)
	print "@media (prefers-color-scheme:dark){"
	colours("#151b23", "#f0f6fc", "#9198a1", "#3d444d", dark)
	print "}\n</style>"
	printf "<rect class=\"ground\" width=\"%d\" height=\"%d\" rx=\"8\"/>\n",
		WIDTH, HEIGHT
	text("ink title", 20, 30, "start", title)
	text("soft", 20, 50, "start", unit (style == "lines" ? \
		", logarithmic" : ""))
	text("soft", (LEFT + RIGHT) / 2, BOTTOM + 44, "middle", axis)
	text("soft small", 20, HEIGHT - 12, "start", machine)
	if (style == "lines" && allocators)
		text("soft small", WIDTH - 20, HEIGHT - 12, "end", \
			"dashed: never locked")
}

function log10(x) { return log(x) / log(10) }

# Set the range of the vertical axis: whole decades, or from 0 to a round number.
function scale(    c, p, v, most, least) {
	least = 1e30
	for (c = 1; c <= n_cells; c++)
		for (p = 1; p <= n_peers; p++) {
			v = median(cells[c], peers[p])
			if (v == "") continue
			has[p] = 1
			if (v > most) most = v
			if (v < least) least = v
		}
	if (style == "lines") {
		low = int(log10(least))
		for (high = low + 1; 10 ^ high < most; high++)
			;
	} else {
		low = 0
		high = most > 100 ? int(most / 50 + 1) * 50 : 100
	}
}

function y_of(v) {
	if (style == "lines") v = log10(v)
	return int(BOTTOM - (v - low) / (high - low) * (BOTTOM - TOP) + 0.5)
}

function grid(    i, step, v) {
	step = style == "lines" ? 1 : high / 5
	for (i = low; i <= high; i += step) {
		v = style == "lines" ? 10 ^ i : i
		line("grid", LEFT, y_of(v), RIGHT, y_of(v))
		text("soft", LEFT - 10, y_of(v) + 4, "end", grouped(v))
	}
}

function grouped(v) {
	return v + 0 != v || v < 1000 ? v \
		: grouped(int(v / 1000)) "," sprintf("%03d", v % 1000)
}

function x_of(c) {
	return int(LEFT + (c - 0.5) * (RIGHT - LEFT) / n_cells + 0.5)
}

# Whether a peer is one of the two malloc()s, which lock nothing.
function is_dashed(p) { return allocators && (p == 6 || p == 7) }

# Whether a series is the library, which is drawn in bold.
function is_ours(p) { return peers[p] == "secmalloc" }

function draw_lines(    c, p, v, path, class, last) {
	for (c = 1; c <= n_cells; c++)
		text("ink", x_of(c), BOTTOM + 22, "middle", grouped(cells[c]))
	# Draw the first peer last, so that it is on top.
	for (p = n_peers; p >= 1; p--) {
		if (!has[p]) continue
		path = ""
		for (c = 1; c <= n_cells; c++) {
			v = median(cells[c], peers[p])
			if (v == "") continue
			end_x[p] = x_of(c)
			end_y[p] = y_of(v)
			# What is not a number has no line to its neighbour.
			path = path (path == "" || last + 0 != last \
				? "M" : "L") end_x[p] " " end_y[p]
			last = cells[c]
			dots[p] = dots[p] sprintf("<circle class=\"f%d\" " \
				"cx=\"%d\" cy=\"%d\" r=\"%d\"/>\n", p, \
				end_x[p], end_y[p], is_ours(p) ? 4 : 3)
		}
		class = "series s" p (is_ours(p) ? " first" : "") \
			(is_dashed(p) ? " dashed" : "")
		printf "<path class=\"%s\" d=\"%s\"/>\n%s", class, path, dots[p]
	}
	name_lines()
}

# Write the names beside the ends of the lines, so that they do not overlap.
function name_lines(    p, q, n, order, at, moved) {
	for (p = 1; p <= n_peers; p++) {
		if (!has[p]) continue
		for (q = ++n; q > 1 && end_y[order[q - 1]] > end_y[p]; q--)
			order[q] = order[q - 1]
		order[q] = p
	}
	for (q = 1; q <= n; q++)
		at[q] = end_y[order[q]]
	do {
		moved = 0
		for (q = 2; q <= n; q++)
			if (at[q] - at[q - 1] < 17) {
				at[q - 1] -= 1
				at[q] += 1
				moved = 1
			}
	} while (moved)
	for (q = 1; q <= n; q++) {
		p = order[q]
		line("leader s" p, end_x[p] + 6, end_y[p], RIGHT + 8, at[q])
		text("f" p (is_ours(p) ? " bold" : ""), RIGHT + 12, at[q] + 4, \
			"start", peers[p])
	}
}

function draw_bars(    c, p, n, wide, x, v, i) {
	for (p = 1; p <= n_peers; p++)
		if (has[p]) n++
	wide = int((RIGHT - LEFT) / n_cells / (n + 1))
	for (c = 1; c <= n_cells; c++) {
		text("ink", x_of(c), BOTTOM + 22, "middle", cells[c])
		x = x_of(c) - int(n * wide / 2)
		for (p = 1; p <= n_peers; p++) {
			if (!has[p]) continue
			v = median(cells[c], peers[p])
			if (v != "") bar(p, x, wide, v)
			x += wide
		}
	}
	for (p = 1; p <= n_peers; p++) {
		if (!has[p]) continue
		printf "<rect class=\"f%d\" x=\"%d\" y=\"%d\" width=\"12\" " \
			"height=\"12\"/>\n", p, RIGHT + 14, TOP + 22 * i
		text("ink" (is_ours(p) ? " bold" : ""), RIGHT + 32, \
			TOP + 22 * i++ + 11, "start", peers[p])
	}
}

function bar(p, x, wide, v) {
	printf "<rect class=\"f%d\" x=\"%d\" y=\"%d\" width=\"%d\" " \
		"height=\"%d\"/>\n", p, x, y_of(v), wide - 2, BOTTOM - y_of(v)
	printf "<text class=\"soft small%s\" transform=\"translate(%d %d) " \
		"rotate(-90)\">%s</text>\n", is_ours(p) ? " bold" : "", \
		x + wide / 2 + 3, y_of(v) - 4, sprintf("%.3g", v)
}

END {
	scale()
	head()
	grid()
	if (style == "lines")
		draw_lines()
	else
		draw_bars()
	print "</svg>"
}
