import { BackupError } from '../errors.ts'
import { filesSource } from '../sources/files/files-source.ts'
import { qdrantSource } from '../sources/qdrant/qdrant-source.ts'
import type { Source } from '../sources/source.ts'
import type { SourceConfig } from './load-config.ts'

/** The source that a part of the configuration describes. Connects to nothing yet. @throws {BackupError} `CONFIG_INVALID`, `INVALID_OPTION` */
export async function openSource (config: SourceConfig): Promise<Source> {
  switch (config.kind) {
    case 'qdrant': {
      const { name, url, apiKey, collections, digest } = config
      return qdrantSource({ name, url, apiKey: await apiKey?.reveal(), collections, digest })
    }
    case 'files': return filesSource({ name: config.name, folder: config.folder, whenChanged: config.whenChanged })
    default: throw new BackupError('SOURCE_UNSUPPORTED', `sources of the kind ${config.kind} are not there yet`)
  }
}
