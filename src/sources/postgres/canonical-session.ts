import type pg from 'pg'

/** Makes equal values have equal text, whatever the server, the database or the user are set to. */
const CANONICAL_TEXT = {
  client_encoding: 'UTF8', // SQL_ASCII in a database of that encoding, whose bytes may be anything
  DateStyle: 'ISO, YMD',
  IntervalStyle: 'postgres',
  TimeZone: 'UTC',
  extra_float_digits: '1',
  bytea_output: 'hex',
  lc_monetary: 'C',
  xmloption: 'content',
  search_path: '',
  quote_all_identifiers: 'off',
  standard_conforming_strings: 'on',
}

/** Lets a long read come to its end, or fail rather than leave rows out. */
const UNDISTURBED = {
  row_security: 'off',
  synchronize_seqscans: 'off',
  statement_timeout: '0',
  lock_timeout: '0',
  idle_in_transaction_session_timeout: '0',
  idle_session_timeout: '0',
  transaction_timeout: '0', // from PostgreSQL 17 on
  jit: 'off',
}

/** The server's default is 4 MB, in which what is sorted is merged in several passes over temporary files from some 60 MB on; in this from 1 GB on. */
const LEAST_SORT_KB = 16_384

/**
 * Settings under which COPY text is comparable. They are the session's, so they outlast transactions; run it outside of one.
 * Settings that the server does not know are left out.
 */
export async function useCanonicalText (client: pg.Client): Promise<void> {
  const settings = { ...CANONICAL_TEXT, ...UNDISTURBED }
  await client.query(
    `SELECT set_config(wanted.name, CASE WHEN wanted.name = 'client_encoding' AND current_setting('server_encoding') = 'SQL_ASCII' THEN 'SQL_ASCII' ELSE wanted.value END, false)
     FROM unnest($1::text[], $2::text[]) AS wanted (name, value) JOIN pg_catalog.pg_settings s ON lower(s.name) = lower(wanted.name)
     UNION ALL SELECT set_config(name, '${LEAST_SORT_KB}kB', false) FROM pg_catalog.pg_settings WHERE name = 'work_mem' AND setting::int8 < ${LEAST_SORT_KB}`,
    [Object.keys(settings), Object.values(settings)])
}
