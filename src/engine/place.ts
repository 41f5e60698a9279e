/** First and last, both inclusive. */
export interface Range {
  readonly first: number
  readonly last: number
}

/** A part of an artifact, or of a snapshot's list of nodes. Without any member it is all of it. */
export interface Place {
  /** Bytes, from 0: of the content, or of the value, file or member that is named too. */
  readonly bytes?: Range
  /** Rows, entries of a folder tree or nodes, from 1. */
  readonly rows?: Range
  /** Key of the first row; or the first path, or id. */
  readonly from?: readonly string[]
  /** Key of the first row after it, if rows follow. */
  readonly before?: readonly string[]
  /** The column with a value that is stored out of line. */
  readonly column?: string
  /** The stored file whose content it is. */
  readonly file?: string
  /** The member of a tar; `headOf` when it is that member's header. */
  readonly member?: string
  readonly headOf?: string
}

/** What rows are called in a content of each kind. */
export type Noun = 'row' | 'entry' | 'node'

const PLURAL: Readonly<Record<Noun, string>> = { row: 'rows', entry: 'entries', node: 'nodes' }

/** `rows 18 to 40, from key (17) to before (41)`, `file deep/plan.md: bytes 0 to 5`, `all of it`. */
export function placeText (place: Place, noun: Noun): string {
  const { bytes, rows, file, member, headOf } = place
  const range = bytes === undefined ? undefined : `bytes ${bytes.first} to ${bytes.last}`
  if (file !== undefined) return `file ${file}: ${range ?? 'all of it'}`
  if (headOf !== undefined) return `${range ?? 'all'}: the header of member ${headOf}`
  if (member !== undefined) return `${range ?? 'all'}: part of member ${member}`
  if (rows === undefined) return range ?? 'all of it'
  if (place.column !== undefined) return `${rowsText(place, rows, noun)}, column ${place.column}: ${range ?? 'all of the value'}`
  return rowsText(place, rows, noun)
}

function rowsText ({ from, before }: Place, { first, last }: Range, noun: Noun): string {
  const name = (key: readonly string[]): string => noun === 'row' ? `(${key.join(', ')})` : key.join('/')
  if (first === last) return `${noun} ${first}${from === undefined ? '' : noun === 'row' ? ` with key ${name(from)}` : `, ${name(from)}`}`
  const start = from === undefined ? '' : `, from ${noun === 'row' ? 'key ' : ''}${name(from)}`
  const end = from === undefined ? '' : before === undefined ? ' to the end' : ` to before ${name(before)}`
  return `${PLURAL[noun]} ${first} to ${last}${start}${end}`
}
