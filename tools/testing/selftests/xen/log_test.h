/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * To be included at the end of a program: the last test, which checks the
 * kernel log since the program began.
 */
FIXTURE(log) { };
FIXTURE_SETUP(log) { }
FIXTURE_TEARDOWN(log) { }

TEST_F(log, is_clean)
{
	char record[EV_LOG_RECORD] = "";
	int trouble = ev_log_trouble(record);

	if (trouble == -ENOENT)
		SKIP(return, "cannot read /dev/kmsg");
	EXPECT_EQ(0, trouble)
		TH_LOG("%s", record);
}
