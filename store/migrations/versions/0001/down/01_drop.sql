drop function commit_entries, append_entries, store_answer, judge_lapse, events_after, intake_was_down;
drop function receive_command, close_unanswered, receipt_of;
drop function open_disputes, open_dispute, opened_disputes, add_messages, add_policy;
drop function set_clock, raise_clock, dispute_now, lock_dispute;
drop table refused_openings, heartbeats, legs, outbox, units, inbox, timeline, openings, disputes, policies;
drop function timeline_is_append_only;
