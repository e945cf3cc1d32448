-- The writing half of the commit; commit_entries holds the lock and has judged.

create function append_entries(head disputes, p jsonb) returns void language plpgsql as $$
declare
  which  constant uuid := head.dispute_id;
  policy constant jsonb := nullif(p->'policy', 'null');
  events integer;
begin
  insert into timeline (dispute_id, entry, version, kind, command_id, body)
  select which, head.entry + n,
         case when e->>'kind' = 'event'
              then head.version + count(*) filter (where e->>'kind' = 'event') over (order by n) end,
         e->>'kind', p->>'command_id', e->>'body'
    from jsonb_array_elements(p->'entries') with ordinality as t (e, n);
  select count(*) into events from jsonb_array_elements(p->'entries') as t (e) where e->>'kind' = 'event';

  if policy is not null then
    perform add_policy(policy);
  end if;
  head := jsonb_populate_record(head, coalesce(nullif(p->'head', 'null'), '{}'));
  update disputes
     set version = head.version + events, entry = head.entry + jsonb_array_length(p->'entries'),
         phase = head.phase, outcome = head.outcome, how = head.how, reason = head.reason,
         arbiter_id = head.arbiter_id, amount_minor = head.amount_minor, currency = head.currency,
         waiting_for = head.waiting_for, whose_turn = head.whose_turn, due_at = head.due_at,
         needs_attention = head.needs_attention, evidence_version = head.evidence_version,
         policy_digest = head.policy_digest, clock_floor = head.clock_floor, closed_at = head.closed_at
   where dispute_id = which;

  -- First what ended, then what is new: a wait that was moved keeps its id and gets new reminders.
  update outbox o set voided_at = clock_timestamp()
   where o.dispute_id = which and o.sent_at is null and o.voided_at is null
     and o.wait_id in (select jsonb_array_elements_text(p->'void_waits'));
  perform add_messages(which, p->'messages');

  if p->>'units' = 'spent' then
    update units set state = 'spent' where dispute_id = which;
  elsif p->>'units' = 'free' then
    delete from units where dispute_id = which and state = 'live';
  end if;
end
$$;

create function store_answer(head disputes, command text, told text, signal jsonb) returns void
language plpgsql as $$
begin
  update inbox set answer = told, answered_at = clock_timestamp(),
                   -- Nobody waits for a signal's result, so there is nothing left to deliver.
                   acknowledged_at = case when signal is null then acknowledged_at else clock_timestamp() end
   where dispute_id = head.dispute_id and command_id = command;
  if found then
    return;
  end if;
  insert into inbox (dispute_id, command_id, receipt, name, actor_role, actor_id, body, digest, seen_version,
                     received_at, answer, answered_at, acknowledged_at)
  values (head.dispute_id, command, head.receipts + 1, signal->>'name', signal->>'actor_role',
          signal->>'actor_id', signal->>'body', decode(signal->>'digest', 'hex'),
          (signal->>'seen_version')::integer, greatest((signal->>'received_at')::timestamptz, head.clock_floor), told,
          clock_timestamp(), clock_timestamp());
  update disputes set receipts = receipts + 1 where dispute_id = head.dispute_id;
end
$$;
