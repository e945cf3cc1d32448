-- What a dispute leaves behind. Bodies and answers are canonical JSON kept as text, byte for byte.

create table policies (
  digest        text primary key,
  id            text not null,
  version       text not null,
  body          text not null,
  first_used_at timestamptz not null default clock_timestamp()
);

-- The head row of a dispute, and the read model for lists. The indexes leave out what a state change touches,
-- so that most updates stay on their page.
create table disputes (
  dispute_id       uuid primary key,
  version          integer not null,
  entry            integer not null,
  receipts         integer not null,
  phase            text not null,
  outcome          text,
  how              text,
  reason           text not null,
  order_id         text not null,
  seller_id        text not null,
  buyer_id         text not null,
  arbiter_id       text,
  market           text not null,
  amount_minor     bigint not null,
  currency         text not null,
  waiting_for      text,
  whose_turn       text,
  due_at           timestamptz,
  needs_attention  boolean not null,
  evidence_version integer not null,
  policy_digest    text not null references policies,
  test_clock       boolean not null,
  clock_offset     interval not null check (clock_offset >= '0'),
  -- The last instant this dispute's clock has told; it never tells an earlier one, also after a failover to a
  -- machine whose clock is behind.
  clock_floor      timestamptz not null,
  opened_at        timestamptz not null,
  real_opened_at   timestamptz not null default clock_timestamp(),
  started_at       timestamptz,
  closed_at        timestamptz,
  check (test_clock or clock_offset = '0')
) with (fillfactor = 80);

create index disputes_newest on disputes (opened_at desc, dispute_id desc);
create index disputes_of_seller on disputes (seller_id, opened_at desc);
create index disputes_of_buyer on disputes (buyer_id, opened_at desc);
create index disputes_of_order on disputes (order_id);
create index disputes_of_arbiter on disputes (arbiter_id) where arbiter_id is not null;
create index disputes_to_look_at on disputes (opened_at desc) where needs_attention;
create index disputes_open on disputes (opened_at desc) where closed_at is null;
create index disputes_ahead on disputes (dispute_id) where clock_offset > '0';

create table openings (
  actor_role  text not null,
  actor_id    text not null,
  key         text not null,
  digest      bytea not null,
  dispute_ids uuid[] not null,
  received_at timestamptz not null,
  primary key (actor_role, actor_id, key)
);

create table timeline (
  dispute_id  uuid not null references disputes,
  entry       integer not null,
  version     integer,
  kind        text not null check (kind in ('event', 'refusal', 'fact', 'receipt')),
  command_id  text,
  recorded_at timestamptz not null default clock_timestamp(),
  body        text not null,
  primary key (dispute_id, entry),
  unique (dispute_id, version),
  check ((kind = 'event') = (version is not null))
);

create table inbox (
  dispute_id       uuid not null references disputes,
  command_id       text not null,
  receipt          integer not null,
  name             text not null,
  actor_role       text not null,
  actor_id         text not null,
  body             text not null,
  digest           bytea not null,
  seen_version     integer,
  received_at      timestamptz not null,
  real_received_at timestamptz not null default clock_timestamp(),
  answer           text,
  answered_at      timestamptz,
  acknowledged_at  timestamptz,
  next_try         timestamptz not null default clock_timestamp(),
  tries            integer not null default 0,
  last_error       text,
  undeliverable_at timestamptz,
  primary key (dispute_id, command_id),
  unique (dispute_id, receipt),
  check ((answer is null) = (answered_at is null))
);

create index inbox_to_deliver on inbox (next_try) where acknowledged_at is null and undeliverable_at is null;
create index inbox_undeliverable on inbox (undeliverable_at)
  where acknowledged_at is null and undeliverable_at is not null;
create index inbox_unanswered on inbox (dispute_id, receipt) where answered_at is null;

create table units (
  order_id   text not null,
  line       text not null,
  unit       integer not null,
  dispute_id uuid not null references disputes,
  state      text not null default 'live' check (state in ('live', 'spent')),
  primary key (order_id, line, unit)
);

create index units_of_dispute on units (dispute_id);

create table outbox (
  message_id     text primary key,
  dispute_id     uuid not null references disputes,
  kind           text not null check (kind in ('notice', 'reminder', 'order_event')),
  wait_id        text,
  recipient_role text not null,
  recipient_id   text not null,
  body           text not null,
  due_at         timestamptz not null,
  voided_at      timestamptz,
  sent_at        timestamptz,
  next_try       timestamptz not null default clock_timestamp(),
  tries          integer not null default 0,
  last_error     text
);

create index outbox_due on outbox (due_at) where sent_at is null and voided_at is null;
create index outbox_of_dispute on outbox (dispute_id, wait_id) where sent_at is null and voided_at is null;

create table legs (
  dispute_id   uuid not null references disputes,
  leg          text not null,
  digest       bytea not null,
  payment_id   text not null,
  amount_minor bigint not null check (amount_minor >= 0),
  currency     text not null,
  state        text not null default 'intended' check (state in ('intended', 'unknown', 'settled', 'refused')),
  provider_ref text,
  detail       text,
  intended_at  timestamptz not null default clock_timestamp(),
  concluded_at timestamptz,
  primary key (dispute_id, leg)
);

-- A refused opening has no dispute whose timeline could hold it; the same key may be tried again later.
create table refused_openings (
  refused_at timestamptz not null default clock_timestamp(),
  actor_role text not null,
  actor_id   text not null,
  key        text not null,
  digest     bytea not null,
  order_id   text not null,
  code       text not null
);

create index refused_openings_by_time on refused_openings (refused_at);

create table heartbeats (
  beat_at timestamptz primary key
);

create function timeline_is_append_only() returns trigger language plpgsql as $$
begin
  raise exception 'The timeline is append-only; add an entry that corrects the wrong one.';
end
$$;

create trigger timeline_is_append_only before update or delete or truncate on timeline
  for each statement execute function timeline_is_append_only();
