import type { RowContent, Source } from '../../src/sources/source.ts'
import { bytesOf } from '../../src/stream.ts'

const lineOf = (index: number, changed: number): string => `${index + 1}\t${index % changed === 0 ? 'rewritten' : 'fact'} number ${index + 1}\t\\N\n`

/** Text of a table of `count` facts in which each `changed`-th one was rewritten. */
export function factsText (count: number, changed: number): string {
  return Array.from({ length: count }, (_, index) => lineOf(index, changed)).join('')
}

/**
 * The table as a source reads it.
 * @param told how many there were before: then it also tells those that were rewritten or added since, when none had been rewritten but the first
 */
export function facts (count: number, changed: number, { told }: { readonly told?: number } = {}): Source {
  const rewritten = (): string => Array.from({ length: count }, (_, index) => index % changed === 0 || index >= told! ? lineOf(index, changed) : '').join('')
  const content: RowContent = {
    form: 'rows', layout: { columns: ['id', 'content', 'note'], key: [{ order: 'integer' }] }, averageRowBytes: 24, read: () => bytesOf(factsText(count, changed)),
    ...(told !== undefined && { changes: async () => ({ count, rows: bytesOf(rewritten()), close: async () => {} }) }),
  }
  return {
    name: 'postgres',
    capture: async () => ({
      async * artifacts () {
        yield { id: 'postgres/rows/public.facts', kind: 'pg.rows', deps: [], attributes: { schema: 'public', table: 'facts', generated: [] }, content }
      },
      finish: async () => ({ begin: '2026-11-21T00:00:00.000Z', end: '2026-11-21T00:00:01.000Z', facts: {}, notes: [] }),
      close: async () => {},
    }),
  }
}
