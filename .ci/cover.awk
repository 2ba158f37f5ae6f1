# Prints how many per cent of the statements of each package a profile of go
# test reached, and of all of them; fails under least. With -coverpkg a block
# stands there once for each test binary.
NR > 1 {
	statements[$1] = $2
	if ($3 > 0) reached[$1] = 1
}
END {
	for (block in statements) {
		package = block
		sub("/[^/]*$", "", package)
		all[package] += statements[block]
		total += statements[block]
		if (block in reached) {
			hit[package] += statements[block]
			hits += statements[block]
		}
	}
	for (package in all) printf "%5.1f%%  %s\n", 100 * hit[package] / all[package], package | "sort -k2"
	close("sort -k2")
	if (total == 0) { print "cover: the profile is empty"; exit 1 }
	printf "%5.1f%%  in total\n", 100 * hits / total
	if (100 * hits / total < least) { print "cover: less than " least "%"; exit 1 }
}
