-- The commit: a decision is appended as a whole, or told what stands in its way.

-- The longest time within [since, until] in which intake gave no sign of life; the edges count as signs.
create function intake_was_down(since timestamptz, until timestamptz) returns interval language sql stable as $$
  select coalesce(max(next_at - at), '0')
    from (select at, lead(at) over (order by at) as next_at
            from (select since as at
                  union all select until where since < until
                  union all select beat_at from heartbeats where beat_at > since and beat_at < until) beats) pairs
$$;

create function events_after(which uuid, since integer) returns jsonb language sql stable as $$
  select coalesce(jsonb_agg(jsonb_build_object('version', t.version, 'body', t.body) order by t.version), '[]')
    from timeline t
   where t.dispute_id = which and t.version > since
$$;

-- What stands against silence taking effect at its deadline; null when nothing does.
create function judge_lapse(head disputes, move jsonb, told timestamptz) returns jsonb language plpgsql as $$
declare
  deadline   constant timestamptz := move->>'at';
  late_after constant interval := make_interval(secs => (move->>'late_after_seconds')::float8);
  real_at    constant timestamptz := deadline - head.clock_offset;
  waiting    jsonb;
  down       interval;
begin
  if told < deadline then
    return jsonb_build_object(
      'kind', 'early', 'milliseconds', ceil(extract(epoch from deadline - told) * 1000)::bigint);
  end if;

  select jsonb_agg(jsonb_build_object(
           'command_id', i.command_id, 'receipt', i.receipt, 'name', i.name, 'actor_role', i.actor_role,
           'actor_id', i.actor_id, 'body', i.body, 'digest', encode(i.digest, 'hex'),
           'received_at', i.received_at, 'seen_version', i.seen_version) order by i.receipt)
    into waiting
    from inbox i
   where i.dispute_id = head.dispute_id and i.answered_at is null and i.received_at <= deadline;
  if waiting is not null then
    return jsonb_build_object('kind', 'received', 'rows', waiting);
  end if;

  if (move->>'graced')::boolean then
    return null;
  end if;
  if told - deadline > late_after then
    return jsonb_build_object(
      'kind', 'late', 'cause', 'worker', 'seconds', extract(epoch from told - deadline));
  end if;
  down := intake_was_down(greatest(head.real_opened_at, real_at - interval '24 hours'), real_at);
  -- Two missed beats are no outage.
  if down > late_after + interval '2 minutes' then
    return jsonb_build_object('kind', 'late', 'cause', 'intake', 'seconds', extract(epoch from down));
  end if;
  return null;
end
$$;

create function commit_entries(p jsonb) returns jsonb language plpgsql as $$
declare
  which    constant uuid := p->>'dispute_id';
  expected constant integer := p->>'expected_version';
  command  constant text := p->>'command_id';
  signal   constant jsonb := nullif(p->'signal', 'null');
  move     constant jsonb := nullif(p->'move', 'null');
  head     disputes;
  received inbox;
  told     timestamptz;
  verdict  jsonb;
begin
  perform lock_dispute(which);
  select * into head from disputes where dispute_id = which;
  if not found then
    return jsonb_build_object('kind', 'not_found');
  end if;
  if p->>'virtual_now' is not null then
    head.clock_offset := raise_clock(head, (p->>'virtual_now')::timestamptz);
  end if;

  if command is not null then
    select * into received from inbox i where i.dispute_id = which and i.command_id = command;
    if not found and signal is null then
      return jsonb_build_object('kind', 'no_row');
    end if;
    if found and signal is not null and
       (received.digest, received.name, received.actor_role, received.actor_id)
       <> (decode(signal->>'digest', 'hex'), signal->>'name', signal->>'actor_role', signal->>'actor_id') then
      return jsonb_build_object('kind', 'key_reused');
    end if;
    if received.answer is not null then
      return jsonb_build_object(
        'kind', 'known', 'answer', received.answer, 'entries', events_after(which, expected));
    end if;
  end if;
  if head.version > expected then
    return jsonb_build_object('kind', 'behind', 'entries', events_after(which, expected));
  end if;
  if head.version < expected then
    return jsonb_build_object('kind', 'ahead', 'version', head.version);
  end if;
  if move is not null then
    told := dispute_now(head);
    verdict := judge_lapse(head, move, told);
    if verdict is not null then
      return verdict;
    end if;
    -- The deadline itself was still in time, so whatever is received from here on comes after it.
    head.clock_floor := greatest(told, (move->>'at')::timestamptz + interval '1 microsecond');
  end if;

  perform append_entries(head, p);
  if command is not null then
    perform store_answer(head, command, p->>'answer', signal);
  end if;
  return jsonb_build_object(
    'kind', 'done',
    'version', expected + (select count(*) from jsonb_array_elements(p->'entries') as e
                            where e->>'kind' = 'event'),
    'entry', head.entry + jsonb_array_length(p->'entries'));
end
$$;
