-- Intake: a command is received when its row stands here.

create function receipt_of(head disputes, received inbox, fresh boolean) returns jsonb language sql stable as $$
  select jsonb_build_object(
    'kind', 'received', 'dispute_id', head.dispute_id, 'command_id', received.command_id,
    'receipt', received.receipt, 'received_at', received.received_at, 'fresh', fresh,
    'answer', received.answer, 'acknowledged', received.acknowledged_at is not null,
    'version', head.version, 'phase', head.phase, 'test_clock', head.test_clock,
    'started', head.started_at is not null)
$$;

create function receive_command(p jsonb) returns jsonb language plpgsql as $$
declare
  which    constant uuid := p->>'dispute_id';
  head     disputes;
  received inbox;
  stamp    timestamptz;
  sent     integer;
begin
  perform lock_dispute(which);
  select * into head from disputes where dispute_id = which;
  if not found then
    return jsonb_build_object('kind', 'not_found');
  end if;

  select * into received from inbox i where i.dispute_id = which and i.command_id = p->>'command_id';
  if found then
    if (received.digest, received.name, received.actor_role, received.actor_id)
       <> (decode(p->>'digest', 'hex'), p->>'name', p->>'actor_role', p->>'actor_id') then
      return jsonb_build_object('kind', 'key_reused');
    end if;
    return receipt_of(head, received, false);
  end if;

  -- Under the lock: a lapse that comes later sees this row, one that came earlier has an earlier stamp.
  stamp := dispute_now(head);
  select count(*) into sent from inbox i
   where i.dispute_id = which and (i.actor_role, i.actor_id) = (p->>'actor_role', p->>'actor_id')
     and i.received_at > stamp - interval '24 hours';
  if sent >= (p->>'daily_limit')::integer then
    return jsonb_build_object('kind', 'too_many');
  end if;

  insert into inbox (dispute_id, command_id, receipt, name, actor_role, actor_id, body, digest, seen_version,
                     received_at)
  values (which, p->>'command_id', head.receipts + 1, p->>'name', p->>'actor_role', p->>'actor_id', p->>'body',
          decode(p->>'digest', 'hex'), (p->>'seen_version')::integer, stamp)
  returning * into received;
  update disputes set receipts = receipts + 1, clock_floor = stamp where dispute_id = which;
  return receipt_of(head, received, true);
end
$$;

-- A command that reached a closed dispute: nobody else will answer it.
create function close_unanswered(p jsonb) returns jsonb language plpgsql as $$
declare
  which    constant uuid := p->>'dispute_id';
  head     disputes;
  received inbox;
begin
  perform lock_dispute(which);
  select * into head from disputes where dispute_id = which;
  if not found then
    return jsonb_build_object('kind', 'not_found');
  end if;
  if head.closed_at is null then
    return jsonb_build_object('kind', 'not_closed');
  end if;
  select * into received from inbox i where i.dispute_id = which and i.command_id = p->>'command_id';
  if not found then
    return jsonb_build_object('kind', 'no_row');
  end if;

  if received.answer is null then
    insert into timeline (dispute_id, entry, kind, command_id, body)
    values (which, head.entry + 1, 'refusal', received.command_id, p->>'refusal');
    update disputes set entry = entry + 1 where dispute_id = which;
  end if;
  update inbox
     set answer = coalesce(answer, p->>'answer'), answered_at = coalesce(answered_at, clock_timestamp()),
         acknowledged_at = coalesce(acknowledged_at, clock_timestamp())
   where dispute_id = which and command_id = received.command_id
  returning * into received;
  return jsonb_build_object('kind', 'closed', 'answer', received.answer);
end
$$;
