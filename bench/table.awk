# Print a table for each question with the medians of the results of bench/run, and
# the best results in brackets.
# SPDX-License-Identifier: ISC

BEGIN {
	FS = ","
	title["pair"] = "ns for an allocation and a free, 8 chunks live, by size"
	title["replace"] = "ns to replace one of N live chunks of the mixed load"
	title["tail"] = "ns to replace one of N live chunks, by percentile"
	title["threads"] = "million pairs a second; " \
		"pass: one thread allocates, the other frees"
	title["space"] = "chunks, or % payload, in a lock limit of N KiB"
	title["init"] = "ms to prepare a heap of N MiB"
	title["grow"] = "ns for a doubling while growing to N bytes"
	title["guarded"] = "ns for an allocation and a free, in place of N bytes, " \
		"by two threads; to close and open one"
	title["strings"] = "ns to make a string of N characters, or to make it " \
		"by push_back(), and to destroy it"
	title["arena"] = "ns for an allocation and a free, by MiB of the arena " \
		"and size; slab: the first of a class"
	title["grow-steps"] = "secrealloc() in steps of N bytes to N MiB: " \
		"ms, MiB reached, MiB locked"
	title["fork"] = "ms for fork() with a heap of N MiB"
}

# A row is a question and a cell.
{
	row = $1 SUBSEP $2
	if (!(row in known)) {
		known[row] = 1
		rows[++row_count] = row
	}
	if (!($3 in peer_known)) {
		peer_known[$3] = 1
		peers[++peer_count] = $3
	}
	asked[$1, $3] = 1
	if ($4 + 0 == $4)
		value[row, $3, ++count[row, $3]] = $4
	else {
		word[row, $3] = $4
		words[row, $3]++
	}
}

# The best of the rounds: the lowest figure, or the highest if more is better.
function best(row, peer,    i, b, x, more) {
	more = row ~ /^(threads|space)|reached$/
	b = value[row, peer, 1] + 0
	for (i = 2; i <= count[row, peer]; i++) {
		x = value[row, peer, i] + 0
		if (more ? x > b : x < b)
			b = x
	}
	return b
}

function median(row, peer,    n, i, j, v, t) {
	n = count[row, peer]
	for (i = 1; i <= n; i++)
		v[i] = value[row, peer, i] + 0
	for (i = 2; i <= n; i++) {
		t = v[i]
		for (j = i - 1; j > 0 && v[j] > t; j--)
			v[j + 1] = v[j]
		v[j + 1] = t
	}
	return n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2
}

function figure(x) {
	return x >= 100 ? sprintf("%.0f", x) : sprintf("%.3g", x)
}

# The median and the best round. A word if there are none, or how many rounds had a
# word if only some had.
function result(row, peer,    n, of) {
	n = words[row, peer]
	if (!count[row, peer])
		return n ? word[row, peer] : "-"
	of = n ? ", " n " " word[row, peer] : ""
	return figure(median(row, peer)) " (" figure(best(row, peer)) of ")"
}

function ratio(row, ours, peer,    base) {
	if (!count[row, ours] || !count[row, peer])
		return "-"
	base = median(row, peer)
	return base > 0 ? sprintf("%.2f", median(row, ours) / base) : "-"
}

# Columns for the peers that have a result, and for the ratios of ours to others.
function heading(question,    i, rule) {
	base_count = split(question == "strings" ? "std::string" \
		: question == "arena" ? "" \
		: "jemalloc+wipe limit mmap+mlock", bases, " ")
	ours = question == "strings" ? "secmem::string" : "secmalloc"
	printf "\n%s: %s\n\n| cell |", question, title[question]
	rule = "|---|"
	for (i = 1; i <= peer_count; i++)
		if ((question, peers[i]) in asked) {
			printf " %s |", peers[i]
			rule = rule "---|"
		}
	for (i = 1; i <= base_count; i++) {
		printf " %s/ %s |", i == 1 ? ours " " : "", bases[i]
		rule = rule "---|"
	}
	printf "\n%s\n", rule
}

END {
	for (r = 1; r <= row_count; r++) {
		split(rows[r], part, SUBSEP)
		if (part[1] != last)
			heading(part[1])
		last = part[1]
		printf "| %s |", part[2]
		for (i = 1; i <= peer_count; i++)
			if ((part[1], peers[i]) in asked)
				printf " %s |", result(rows[r], peers[i])
		for (i = 1; i <= base_count; i++)
			printf " %s |", ratio(rows[r], ours, bases[i])
		printf "\n"
	}
}
