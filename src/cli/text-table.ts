import Table from 'cli-table3'
import { printable } from './printable.ts'

export interface Column<Row> {
  readonly title: string
  readonly align?: 'left' | 'right'
  cell(row: Row): string
}

export interface TableLook {
  readonly borders: boolean
  /** Makes a heading stand out. */
  readonly heading: (text: string) => string
}

const NO_BORDERS = {
  top: '', 'top-mid': '', 'top-left': '', 'top-right': '', bottom: '', 'bottom-mid': '', 'bottom-left': '', 'bottom-right': '',
  left: '', 'left-mid': '', mid: '', 'mid-mid': '', right: '', 'right-mid': '', middle: '  ',
}
const THIN_BORDERS = { ...NO_BORDERS, mid: '─', 'mid-mid': '─┼─', middle: ' │ ' }

/** Rows under headings, one line each, columns as wide as they need. */
export function textTable<Row> (columns: ReadonlyArray<Column<Row>>, rows: readonly Row[], { borders, heading }: TableLook): string {
  const table = new Table({
    head: columns.map(({ title }) => heading(title)),
    colAligns: columns.map(({ align = 'left' }) => align),
    chars: borders ? THIN_BORDERS : NO_BORDERS,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  })
  table.push(...rows.map(row => columns.map(({ cell }) => printable(cell(row)))))
  const lines = table.toString().split('\n').map(line => line.trimEnd())
  // Every second line is a rule; the one below the headings is enough.
  return lines.filter((_, index) => !borders || index === 1 || index % 2 === 0).join('\n')
}
