import { describe, expect, it } from 'vitest'
import { parseDump, standaloneSql } from '../../../src/sources/postgres/dump-entry.ts'

const header = (id: number, rest: string, dependencies = ''): string => `--\n-- TOC entry ${id} (class 1259 OID ${id})\n${dependencies}-- Name: ${rest}\n--\n\n`

describe('pg_dump\'s text', () => {
  it('is cut at its headers, without what stands before and after', () => {
    const text = `--\n-- PostgreSQL database dump\n--\n\n\\restrict AbC\n\nSET row_security = off;\n\n${header(5, 'a; Type: TABLE; Schema: public; Owner: me')}CREATE TABLE public.a ();\n\n\n` +
      `${header(6, 'TABLE a; Type: COMMENT; Schema: public; Owner: ', '-- Dependencies: 5 7\n')}COMMENT ON TABLE public.a IS 'x';\n\n\n-- Completed on 2026-01-01\n\n--\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict AbC\n`
    expect(parseDump(text)).toEqual([
      { dumpId: 5, classId: 1259, oid: 5, dependencies: [], tag: 'a', type: 'TABLE', schema: 'public', owner: 'me', sql: 'CREATE TABLE public.a ();\n', tablespace: null, accessMethod: 'heap' },
      { dumpId: 6, classId: 1259, oid: 6, dependencies: [5, 7], tag: 'TABLE a', type: 'COMMENT', schema: 'public', owner: null, sql: "COMMENT ON TABLE public.a IS 'x';\n", tablespace: null, accessMethod: 'heap' },
    ])
  })

  it('may name things as it names its own parts', () => {
    const [entry] = parseDump(`${header(5, 'x; Type: TABLE; Schema: y; Owner: z; Type: VIEW; Schema: s; Owner: o')}SELECT 1;\n`)
    expect(entry).toMatchObject({ tag: 'x; Type: TABLE; Schema: y; Owner: z', type: 'VIEW', schema: 's', owner: 'o' })
  })

  it('sets tablespace and access method for those that come after', () => {
    const text = `SET default_tablespace = '';\n\nSET default_table_access_method = heap;\n\n${header(1, 'a; Type: TABLE; Schema: s; Owner: o')}CREATE TABLE a ();\n\nSET default_tablespace = "Fa st";\nSET default_table_access_method = columnar;\n\n` +
      `${header(2, 'b; Type: TABLE; Schema: s; Owner: o; Tablespace: Fa st')}CREATE TABLE b ();\n\n${header(3, 'f; Type: FUNCTION; Schema: s; Owner: o')}CREATE FUNCTION f;\n\nSET default_tablespace = '';\n\n${header(4, 'c; Type: TABLE; Schema: s; Owner: o')}CREATE TABLE c ();\n`
    const entries = parseDump(text)
    expect(entries.map(entry => entry.sql)).toEqual(['CREATE TABLE a ();\n', 'CREATE TABLE b ();\n', 'CREATE FUNCTION f;\n', 'CREATE TABLE c ();\n'])
    expect(entries.map(entry => standaloneSql(entry, { usesAccessMethod: entry.type === 'TABLE' }))).toEqual([
      'CREATE TABLE a ();\n',
      'SET default_table_access_method = columnar;\nSET default_tablespace = "Fa st";\nCREATE TABLE b ();\nSET default_tablespace = \'\';\nSET default_table_access_method = heap;\n',
      'CREATE FUNCTION f;\n',
      'SET default_table_access_method = columnar;\nCREATE TABLE c ();\nSET default_table_access_method = heap;\n',
    ])
  })

  it('is refused when an entry has no name', () => {
    expect(() => parseDump('--\n-- TOC entry 1 (class 1 OID 1)\n--\n\nSELECT 1;\n')).toThrow(expect.objectContaining({ code: 'SOURCE_FAILED' }))
  })
})
