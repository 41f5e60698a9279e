import type { RestoreItem } from '../source.ts'
import { recordedCollection } from './recorded-collection.ts'
import type { RecordedCollection } from './recorded-collection.ts'
import { stagedName } from './staged-name.ts'

export interface RestoreNames {
  /** Captured name → name in the target; others keep theirs. */
  readonly collections?: Readonly<Record<string, string>> | undefined
  /** `restore`: as captured; `skip`: none; or captured alias → alias in the target, others keep theirs. @default 'restore' */
  readonly aliases?: 'restore' | 'skip' | Readonly<Record<string, string>> | undefined
}

/** Where one item goes. */
export interface RestoreTarget {
  readonly item: RestoreItem
  readonly recorded: RecordedCollection
  /** The collection's name in the target. */
  readonly name: string
  /** Its name until the commit. */
  readonly staged: string
  readonly aliases: readonly string[]
}

/** @throws {BackupError} `NODE_INVALID` */
export function restoreTarget (item: RestoreItem, { collections = {}, aliases = 'restore' }: RestoreNames): RestoreTarget {
  const recorded = recordedCollection(item)
  const name = Object.hasOwn(collections, recorded.collection) ? collections[recorded.collection]! : recorded.collection
  const renamed = (alias: string): string => typeof aliases === 'object' && Object.hasOwn(aliases, alias) ? aliases[alias]! : alias
  return { item, recorded, name, staged: stagedName(name), aliases: aliases === 'skip' ? [] : recorded.aliases.map(renamed) }
}
