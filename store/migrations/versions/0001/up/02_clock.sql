-- The dispute's lock and the dispute's clock.

-- Everything that stamps a receipt, appends or judges a deadline takes this lock first and reads afterwards.
create function lock_dispute(which uuid) returns void language sql as $$
  select pg_advisory_xact_lock(hashtextextended(which::text, 0))
$$;

create function dispute_now(head disputes) returns timestamptz language sql volatile as $$
  select greatest(clock_timestamp() + head.clock_offset, head.clock_floor)
$$;

-- Raises the offset so that the dispute's clock reads at least virtual_now; gives the offset that is in force.
create function raise_clock(head disputes, virtual_now timestamptz) returns interval language plpgsql as $$
declare
  -- In seconds alone: days inside the interval would follow the session's time zone through its clock changes.
  wanted constant interval := make_interval(secs => extract(epoch from virtual_now - clock_timestamp())::float8);
begin
  if not head.test_clock then
    raise exception 'Dispute % runs on the real clock.', head.dispute_id;
  end if;
  if wanted <= head.clock_offset then
    return head.clock_offset;
  end if;
  update disputes set clock_offset = wanted where dispute_id = head.dispute_id;
  return wanted;
end
$$;

create function set_clock(p jsonb) returns jsonb language plpgsql as $$
declare
  which constant uuid := p->>'dispute_id';
  head  disputes;
begin
  perform lock_dispute(which);
  select * into head from disputes where dispute_id = which;
  if not found then
    return jsonb_build_object('kind', 'not_found');
  end if;
  if not head.test_clock then
    return jsonb_build_object('kind', 'real_clock');
  end if;
  perform raise_clock(head, (p->>'virtual_now')::timestamptz);
  return jsonb_build_object('kind', 'set');
end
$$;
