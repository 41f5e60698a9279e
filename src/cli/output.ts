import { once } from 'node:events'
import { styled } from './terminal.ts'
import type { Column } from './text-table.ts'

/** What stdout gets: text for people, or JSON for programs, never both. */
export class Output {
  readonly json: boolean
  readonly #stdout: NodeJS.WriteStream
  /** With lines of JSON the last document is a line too. */
  readonly #compact: boolean

  constructor (stdout: NodeJS.WriteStream, { json, compact }: { readonly json: boolean, readonly compact: boolean }) {
    this.json = json
    this.#stdout = stdout
    this.#compact = compact || !stdout.isTTY
  }

  /** True once the reader of the pipe has gone. */
  get closed (): boolean {
    return this.#stdout.destroyed || this.#stdout.writableEnded || this.#stdout.errored !== null
  }

  /** A command's one result: `document` as JSON, or what `print` writes with `line` and `table`. */
  async result (document: unknown, print: () => void | Promise<void>): Promise<void> {
    if (this.json) this.#write(`${JSON.stringify(document, null, this.#compact ? 0 : 2)}\n`)
    else await print()
    await this.#drained()
  }

  /** One of many results: a line of JSON, or a line of text. Waits while the pipe is full. */
  async record (document: unknown, text: () => string): Promise<void> {
    this.#write(this.json ? `${JSON.stringify(document)}\n` : `${text()}\n`)
    await this.#drained()
  }

  line (text = ''): void {
    this.#write(`${text}\n`)
  }

  async table<Row> (columns: ReadonlyArray<Column<Row>>, rows: readonly Row[]): Promise<void> {
    if (rows.length === 0) return
    const { textTable } = await import('./text-table.ts')
    this.line(textTable(columns, rows, { borders: this.#stdout.isTTY, heading: text => this.strong(text) }))
  }

  /** Lines of `name  value`, the values below each other. */
  facts (facts: ReadonlyArray<readonly [name: string, value: string]>): void {
    const width = Math.max(...facts.map(([name]) => name.length))
    for (const [name, value] of facts) this.line(`${this.strong(name.padEnd(width))}  ${value}`.trimEnd())
  }

  strong (text: string): string {
    return styled('bold', text, this.#stdout)
  }

  #write (text: string): void {
    if (!this.closed) this.#stdout.write(text)
  }

  async #drained (): Promise<void> {
    if (!this.#stdout.writableNeedDrain || this.closed) return
    await Promise.race([once(this.#stdout, 'drain'), once(this.#stdout, 'close')])
  }
}
