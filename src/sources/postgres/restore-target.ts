import { isBackupError } from '../../errors.ts'
import type { AbortOptions } from '../../stream.ts'
import type { Artifact, Capture, Source } from '../source.ts'

/**
 * What a target holds, as a capture of it shows. The capture is opened when it is first asked for, and again when a content is wanted twice.
 * It holds connections and locks until closed.
 */
export class TargetState {
  readonly #source: Source
  #opened: Promise<OpenState | undefined> | undefined

  constructor (source: Source) {
    this.#source = source
  }

  /** The target's artifact of that id, with its content not yet read; undefined if there is none, or no such database. */
  async artifact (id: string, options: AbortOptions = {}): Promise<Artifact | undefined> {
    const state = await (this.#opened ??= this.#open(options))
    if (state === undefined) return undefined
    if (!state.used.has(id)) {
      state.used.add(id)
      return state.artifacts.get(id)
    }
    await this.close()
    return await this.artifact(id, options)
  }

  /** Safe to call twice; it can be asked again afterwards. */
  async close (): Promise<void> {
    const opened = this.#opened
    this.#opened = undefined
    await (await opened?.catch(() => undefined))?.capture.close()
  }

  async #open (options: AbortOptions): Promise<OpenState | undefined> {
    let capture: Capture | undefined
    try {
      capture = await this.#source.capture(options)
      const artifacts = await Array.fromAsync(capture.artifacts(options))
      return { capture, artifacts: new Map(artifacts.map(artifact => [artifact.id, artifact])), used: new Set() }
    } catch (error) {
      await capture?.close()
      if (isBackupError(error, 'SOURCE_MISSING')) return undefined
      throw error
    }
  }
}

interface OpenState {
  readonly capture: Capture
  readonly artifacts: ReadonlyMap<string, Artifact>
  readonly used: Set<string>
}
