import type { Client } from 'pg'

/** How much of everything there is on the first day. */
export interface PsycheSize {
  readonly users: number
  readonly facts: number
  readonly edges: number
  readonly sessions: number
}

export const DEMO_SIZE: PsycheSize = { users: 200, facts: 30_000, edges: 60_000, sessions: 600 }

/** Text that depends on its arguments alone, so that every run makes the same rows. */
const TEXT_FUNCTIONS = `
create or replace function pg_temp.word(n bigint) returns text language sql immutable as
$$ select (array['river','signal','garden','memory','winter','lantern','promise','mirror','harbour','thread','stone','echo','morning','paper','silver','hollow',
  'orchard','compass','feather','ember','island','letter','window','copper','violin','shadow','meadow','anchor','candle','bridge','salt','cloud'])[1 + abs(n) % 32] $$;
create or replace function pg_temp.sentence(seed bigint, words int) returns text language sql immutable as
$$ select string_agg(pg_temp.word(hashint8(seed * 1000 + i)) || case when i % 7 = 0 then ' ' || to_hex(hashint8(seed + i)) else '' end, ' ') from generate_series(1, words) i $$;
create or replace function pg_temp.user_id(n bigint) returns uuid language sql immutable as $$ select md5('user ' || n)::uuid $$;
`

const FACT = (id: string) => `pg_temp.user_id(${id} % (select count(*) from auth.users)), 1 + ${id} % (select count(*) from public.triads),
  (enum_range(null::public.fact_kind))[1 + ${id} % 4], pg_temp.sentence(${id}, 12 + (${id} % 30)::int), (${id} % 100) / 100.0,
  timestamptz '2026-10-01 00:00+00' + ${id} * interval '37 seconds', array[pg_temp.word(${id}), pg_temp.word(${id} / 7)]`

const SESSION_STATE = (id: string) => `jsonb_build_object('topic', pg_temp.sentence(${id}, 4), 'turns',
  (select jsonb_agg(jsonb_build_object('role', case i % 2 when 0 then 'user' else 'agent' end, 'text', pg_temp.sentence(${id} * 50 + i, 14))) from generate_series(1, 8 + (${id} % 20)::int) i))`

/** Fills an empty psyche with the state of the first day. */
export async function firstDay (client: Client, { users, facts, edges, sessions }: PsycheSize = DEMO_SIZE): Promise<void> {
  await client.query(TEXT_FUNCTIONS)
  await client.query(`
    insert into auth.users select pg_temp.user_id(g), 'user' || g || '@example.org', initcap(pg_temp.word(g)) || ' ' || initcap(pg_temp.word(g * 31)), null,
      timestamptz '2026-09-01 00:00+00' + g * interval '1 hour' from generate_series(0, ${users - 1}) g;
    insert into public.triads (owner_id, name) select pg_temp.user_id(g), pg_temp.sentence(g, 3) from generate_series(0, ${users - 1}) g;
    update auth.users u set home_triad = t.id from public.triads t where t.owner_id = u.id;
    insert into public.atomic_facts (user_id, triad_id, kind, content, certainty, learned_at, tags) select ${FACT('g')} from generate_series(1, ${facts}) g;
    insert into public.knowledge_graph_edges select 1 + g % ${facts}, 1 + abs(hashint8(g)) % ${facts}, pg_temp.word(g / ${facts}), (g % 997) / 997.0
      from generate_series(1, ${edges}) g on conflict do nothing;
    insert into public.ai_sessions select md5('session ' || g)::uuid, pg_temp.user_id(g % ${users}), 1 + g % ${users}, ${SESSION_STATE('g')}, 8 + g % 20,
      timestamptz '2026-11-01 00:00+00' + g * interval '11 minutes' from generate_series(1, ${sessions}) g;
    insert into public.audit_log (at, actor, what) select date '2026-10-15' + (g % 60)::int, 'agent ' || g % 5, pg_temp.sentence(g, 6) from generate_series(1, 2000) g;
    refresh materialized view public.facts_per_user;
    select setval('public.audit_log_id_seq', 5000);
  `)
}

/** A day of change: 1 % of the facts updated, 1 % new, 0.2 % gone; sessions grow. */
export async function dayOfChange (client: Client, { users, facts, sessions }: PsycheSize = DEMO_SIZE): Promise<void> {
  await client.query(TEXT_FUNCTIONS)
  await client.query(`
    update public.atomic_facts set content = content || ' and ' || pg_temp.sentence(id + 1, 4), certainty = 0.99 where id % 100 = 17;
    delete from public.atomic_facts where id % 500 = 44;
    insert into public.atomic_facts (user_id, triad_id, kind, content, certainty, learned_at, tags)
      select ${FACT('g')} from generate_series(${facts + 1}, ${facts + Math.ceil(facts / 100)}) g;
    update public.ai_sessions set turns = turns + 2,
      state = jsonb_set(state, '{turns}', state->'turns' || jsonb_build_array(jsonb_build_object('role', 'user', 'text', pg_temp.sentence(turns, 12)))),
      updated_at = updated_at + interval '1 day' where hashtext(id::text) % 5 = 0;
    insert into public.ai_sessions select md5('session ' || g)::uuid, pg_temp.user_id(g % ${users}), 1 + g % ${users}, ${SESSION_STATE('g')}, 8 + g % 20,
      timestamptz '2026-11-20 00:00+00' from generate_series(${sessions + 1}, ${sessions + Math.ceil(sessions / 50)}) g;
    insert into public.audit_log (at, actor, what) select date '2026-11-20', 'agent 9', pg_temp.sentence(g, 6) from generate_series(1, 40) g;
    refresh materialized view public.facts_per_user;
  `)
}
