# shellcheck shell=dash
# What one domain cannot show of the contract: the other end is another domain's.
CLAIMS="two_thousand_round_trips paused_and_unpaused a_number_handed_out_again a_flood_keeps_no_other_from_being_served destroyed_while_it_notifies"

two_thousand_round_trips() {
	linux_domu other
	offered peer trips "$(xl domid other)" 2000
	in_domu 180 other "peer echo $ports &"
	over 600
	echo "figure: $(tail -n 1 /tmp/peer)"
	in_domu 180 other "killall peer"
}

paused_and_unpaused() {
	rm -f /tmp/paused
	offered peer paused "$(xl domid other)" /tmp/paused
	in_domu 180 other "peer echo $ports &"
	until_true 120 "the echo" grep -q connected /tmp/peer
	step 180 xl pause other
	touch /tmp/paused
	until_true 120 "the notifications" grep -q notified /tmp/peer
	step 180 xl unpause other
	rm /tmp/paused
	over 180
	in_domu 180 other "killall peer"
}

a_number_handed_out_again() {
	offered peer again "$(xl domid other)"
	in_domu 180 other "peer twice $ports" || fail "the domU's; dom0's: $(cat /tmp/peer)"
	over 180
}

a_flood_keeps_no_other_from_being_served() {
	offered peer flooded "$(xl domid other)" 2000
	in_domu 180 other "peer flood $ports &"
	over 180
	echo "figure: $(tail -n 1 /tmp/peer)"
	in_domu 180 other "killall peer"
}

destroyed_while_it_notifies() {
	rm -f /tmp/gone
	offered peer outlives "$(xl domid other)" /tmp/gone
	in_domu 180 other "peer flood $ports &"
	until_true 120 "the flood" grep -q connected /tmp/peer
	step 180 xl destroy other
	touch /tmp/gone
	over 180
}
