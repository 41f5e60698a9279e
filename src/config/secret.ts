import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { inspect } from 'node:util'
import { BackupError } from '../errors.ts'

/** How a configuration gives a secret: as it is, by the name of an environment variable, or by the path of a file that holds nothing else. */
export type SecretReference = string | { readonly env: string } | { readonly file: string }

export interface SecretPlace {
  /** The field's name, for messages. */
  readonly field: string
  /** Folder that a relative `file` starts from. */
  readonly folder: string
  readonly env: Readonly<Record<string, string | undefined>>
}

/** A value that no message, log or JSON shows. It is looked up when it is needed, so that a command that does without it works without it. */
export class Secret {
  readonly #reference: SecretReference
  readonly #place: SecretPlace

  constructor (reference: SecretReference, place: SecretPlace) {
    this.#reference = reference
    this.#place = place
  }

  /** @throws {BackupError} `CONFIG_INVALID` naming the variable or file that is not there or empty */
  async reveal (): Promise<string> {
    if (typeof this.#reference === 'string') return this.#reference
    return 'env' in this.#reference ? this.#fromEnvironment(this.#reference.env) : await this.#fromFile(this.#reference.file)
  }

  toString (): string {
    return '[secret]'
  }

  toJSON (): string {
    return this.toString()
  }

  [inspect.custom] (): string {
    return this.toString()
  }

  #fromEnvironment (name: string): string {
    const value = this.#place.env[name]
    if (value === undefined || value === '') throw this.#missing(`the environment variable ${name}, which is not set`)
    return value
  }

  async #fromFile (name: string): Promise<string> {
    const path = resolve(this.#place.folder, name)
    const text = await readFile(path, 'utf8').catch((cause: unknown) => { throw this.#missing(`the file ${path}, which cannot be read`, cause) })
    const value = text.replace(/\r?\n$/, '')
    if (value === '') throw this.#missing(`the file ${path}, which is empty`)
    return value
  }

  #missing (where: string, cause?: unknown): BackupError {
    const { field } = this.#place
    return new BackupError('CONFIG_INVALID', `${field} is to come from ${where}`, { data: { field }, cause })
  }
}
