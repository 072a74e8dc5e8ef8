# shellcheck shell=bash
# The check of scripts/test that builds each step of the series.

# step_selftests TREE OUT: the programs; their modules want a whole kernel.
step_selftests() {
	local dir=$2.selftests
	mkdir -p "$dir" && kmake "$1" "$2" -s headers &&
		make -C "$1/tools/testing/selftests/xen" -s -j"$JOBS" OUTPUT="$dir" \
			KHDR_INCLUDES="-isystem $2/usr/include" CC="ccache gcc" KDIR=/nowhere &&
		[ -x "$dir/evtchn_test" ]
}

# step_builds TREE OUT COMMIT: the driver, its tests and the selftests, without a
# warning. Prints the programs' names.
step_builds() {
	local tree=$1 out=$2 objects
	objects=$(cd "$tree" && find drivers/xen -name '*_kunit.c' | sed 's/c$/o/')
	# shellcheck disable=SC2086 # none, one or two
	kmake "$tree" "$out" -s drivers/xen/ $objects > "$out.step" 2>&1 ||
		{ cat "$out.step"; failed "drivers/xen does not build"; }
	if [ -e "$tree/tools/testing/selftests/xen" ]; then
		step_selftests "$tree" "$out" >> "$out.step" 2>&1 ||
			{ cat "$out.step"; failed "the selftests do not build"; }
		(cd "$out.selftests" && find . -type f -executable -printf '%f ' && echo)
	fi
	if [ "$3" != base ] && grep -i warning "$out.step"; then
		failed "drivers/xen or the selftests build with warnings"
	fi
}

# A tree and a build folder beside the guest's. A step that leaves the objects of
# the one before boots as that does. What else there is in the series is booted by
# the guests: each patch of the core with the stock driver, and all together.
# A step that was built before from the same sources, with the same configuration and
# tools, is not built again: the sums of its objects are kept in the cache.
check_series_steps() {
	local base repo tree out commit file key known objects last='' kinds=0 built=0
	base=$(readlink -f "$CACHE/src/newest")
	repo=$(scratch newest am-steps)
	tree=$CACHE/test/steps-tree out=$CACHE/test/steps-build known=$CACHE/test/steps-known
	mkdir -p "$known"
	rm -rf "$tree" "$out.selftests"
	cp -al "$base" "$tree"
	STOCK=1 configure "$tree" "$out" "$TOP/scripts/guest/kernel.config"
	for commit in base $(git -C "$repo" rev-list --reverse base..HEAD); do
		git -C "$repo" checkout -q "$commit"
		git -C "$repo" log -1 --format='== %s'
		git -C "$repo" show --format= --name-only | while read -r file; do
			[ "$commit" != base ] || break
			rm -f "$tree/$file"
			[ ! -e "$repo/$file" ] || { mkdir -p "$tree/${file%/*}"; cp "$repo/$file" "$tree/$file"; }
		done
		key=$({ echo "$base"; git -C "$repo" rev-parse "$commit^{tree}"
			tool_versions
			declare -f kmake step_builds step_selftests
			cat "$out/.fragment"; } | sha256sum | cut -c1-32)
		if [ ! -e "$known/$key" ]; then
			# A removed file's object would stay.
			find "$out/drivers/xen" -name '*.o' -delete 2> /dev/null || true
			step_builds "$tree" "$out" "$commit"
			built=$((built + 1))
			(cd "$out" && find drivers/xen -name '*.o' -exec sha256sum {} + | sort) > "$known/.new"
			mv "$known/.new" "$known/$key"
		fi
		touch "$known/$key"
		objects=$(cat "$known/$key")
		if [ "$objects" != "$last" ]; then
			kinds=$((kinds + 1))
			[ -z "$last" ] || diff <(echo "$last") <(echo "$objects") || true
		fi
		last=$objects
	done
	grep -q drivers/xen/evtchn/core.o <<< "$last" || failed "the new driver was not built"
	echo "$built steps were built, the others were so before: $known"
	find "$known" -type f -mtime +30 -delete
	# The base, eight patches of the core, the ring's tests, the driver, its tests,
	# privcmd, the core without what the old one needed, and seven of the second part.
	[ $kinds = 21 ] || failed "$kinds kernels in the series, not 21"
	rm -rf "$tree"
}
