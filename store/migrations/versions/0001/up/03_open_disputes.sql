-- All disputes of one `open`, or none.

-- The stored disputes of an opening, in the order in which they were opened.
create function opened_disputes(ids uuid[], fresh boolean) returns jsonb language sql stable as $$
  select jsonb_build_object('kind', 'opened', 'fresh', fresh, 'disputes', jsonb_agg(
           jsonb_build_object('dispute_id', i.dispute_id, 'command_id', i.command_id, 'start', i.body,
                              'answer', i.answer, 'started', i.acknowledged_at is not null)
           order by t.n))
    from unnest(ids) with ordinality as t (id, n)
    join inbox i on i.dispute_id = t.id and i.receipt = 1
$$;

create function add_policy(policy jsonb) returns void language sql as $$
  insert into policies (digest, id, version, body)
  values (policy->>'digest', policy->>'id', policy->>'version', policy->>'body')
  on conflict (digest) do nothing
$$;

create function add_messages(which uuid, messages jsonb) returns void language sql as $$
  insert into outbox (message_id, dispute_id, kind, wait_id, recipient_role, recipient_id, body, due_at)
  select m.message_id, which, m.kind, m.wait_id, m.recipient_role, m.recipient_id, m.body, m.due_at
    from jsonb_to_recordset(messages) as m (message_id text, kind text, wait_id text, recipient_role text,
                                            recipient_id text, body text, due_at timestamptz)
  on conflict (message_id) do nothing
$$;

create function open_dispute(p jsonb, g jsonb) returns void language plpgsql as $$
declare
  which constant uuid := g->>'dispute_id';
  stamp constant timestamptz := p->>'received_at';
  head  disputes := jsonb_populate_record(null::disputes, g->'head');
begin
  perform lock_dispute(which);
  insert into disputes (
    dispute_id, version, entry, receipts, phase, outcome, how, reason, order_id, seller_id, buyer_id, arbiter_id,
    market, amount_minor, currency, waiting_for, whose_turn, due_at, needs_attention, evidence_version,
    policy_digest, test_clock, clock_offset, clock_floor, opened_at, closed_at)
  values (
    which, 1, 1, 1, head.phase, head.outcome, head.how, head.reason, g->>'order_id', g->>'seller_id',
    g->>'buyer_id', head.arbiter_id, g->>'market', head.amount_minor, head.currency, head.waiting_for,
    head.whose_turn, head.due_at, head.needs_attention, head.evidence_version, head.policy_digest,
    (p->>'test_clock')::boolean, make_interval(secs => (p->>'offset_seconds')::float8), stamp, stamp,
    head.closed_at);
  insert into inbox (dispute_id, command_id, receipt, name, actor_role, actor_id, body, digest, received_at,
                     answer, answered_at)
  values (which, g->>'command_id', 1, 'open', p->>'actor_role', p->>'actor_id', g->>'start',
          decode(g->>'digest', 'hex'), stamp, g->>'answer', clock_timestamp());
  insert into timeline (dispute_id, entry, version, kind, command_id, body)
  values (which, 1, 1, 'event', g->>'command_id', g->>'event');
  insert into units (order_id, line, unit, dispute_id)
  select g->>'order_id', u.line, u.unit, which
    from jsonb_to_recordset(g->'units') as u (line text, unit integer);
  perform add_messages(which, g->'messages');
end
$$;

create function open_disputes(p jsonb) returns jsonb language plpgsql as $$
declare
  known openings;
  taken units;
  ids   uuid[];
begin
  -- Two opens with one key wait for each other here, two opens of one order below; always in this sequence.
  perform pg_advisory_xact_lock(hashtextextended(
    jsonb_build_array('opening', p->'actor_role', p->'actor_id', p->'key')::text, 0));
  select * into known from openings o
   where o.actor_role = p->>'actor_role' and o.actor_id = p->>'actor_id' and o.key = p->>'key';
  if found then
    if known.digest <> decode(p->>'digest', 'hex') then
      return jsonb_build_object('kind', 'key_reused');
    end if;
    return opened_disputes(known.dispute_ids, false);
  end if;

  perform pg_advisory_xact_lock(hashtextextended(jsonb_build_array('order', o.order_id)::text, 0))
     from (select distinct g->>'order_id' as order_id from jsonb_array_elements(p->'groups') as t (g)
            order by 1) o;
  select u.* into taken
    from jsonb_array_elements(p->'groups') as t (g),
         jsonb_to_recordset(g->'units') as w (line text, unit integer)
    join units u on u.line = w.line and u.unit = w.unit
   where u.order_id = g->>'order_id'
   order by u.state, u.order_id, u.line, u.unit
   limit 1;
  if found then
    return jsonb_build_object(
      'kind', case taken.state when 'live' then 'unit_in_dispute' else 'unit_spent' end,
      'order_id', taken.order_id, 'line', taken.line, 'unit', taken.unit, 'dispute_id', taken.dispute_id);
  end if;

  perform add_policy(p->'policy');
  perform open_dispute(p, g) from jsonb_array_elements(p->'groups') as t (g);
  select array_agg((g->>'dispute_id')::uuid order by n) into ids
    from jsonb_array_elements(p->'groups') with ordinality as t (g, n);
  insert into openings (actor_role, actor_id, key, digest, dispute_ids, received_at)
  values (p->>'actor_role', p->>'actor_id', p->>'key', decode(p->>'digest', 'hex'), ids,
          (p->>'received_at')::timestamptz);
  return opened_disputes(ids, true);
end
$$;
