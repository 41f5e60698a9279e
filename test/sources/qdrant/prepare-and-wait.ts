import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { qdrantRestorer } from '../../../src/sources/qdrant/qdrant-restorer.ts'
import type { QdrantRestorerOptions } from '../../../src/sources/qdrant/qdrant-restorer.ts'
import type { RestoreItem } from '../../../src/sources/source.ts'
import { bytesItem } from '../captured-item.ts'

// Run by a test as a process of its own: prepares the item in the folder given as argument, tells so, and waits to be killed.
const folder = process.argv[2]!
const { item, options } = JSON.parse(await readFile(join(folder, 'item.json'), 'utf8')) as { item: RestoreItem, options: QdrantRestorerOptions }
await qdrantRestorer(options).prepare([bytesItem(item, await readFile(join(folder, 'bytes')))])
process.send?.('prepared')
