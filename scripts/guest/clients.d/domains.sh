# shellcheck shell=dash
# What one domain cannot show of the contract: the other end is another domain's.
CLAIMS="two_thousand_round_trips as_many_to_a_back_end_of_eventfds as_many_by_eventfds paused_and_unpaused a_number_handed_out_again a_flood_keeps_no_other_from_being_served destroyed_while_it_notifies"

# round_trips THIS OTHER: of these peers, dom0's and the domU's.
round_trips() {
	offered peer "$1" "$(xl domid other)" 2000
	in_domu 180 other "peer $2 $ports &"
	over 600
	echo "figure: $(tail -n 1 /tmp/peer)"
	in_domu 180 other "killall peer"
}

two_thousand_round_trips() {
	linux_domu other
	round_trips trips echo
}

as_many_to_a_back_end_of_eventfds() {
	peer has eventfds || exit
	round_trips trips back-end
}

as_many_by_eventfds() {
	peer has eventfds || exit
	round_trips kicks echo
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
