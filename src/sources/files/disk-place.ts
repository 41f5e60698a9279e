import type { BigIntStats } from 'node:fs'
import { lstat, statfs } from 'node:fs/promises'

/** File systems on disks of this host, and in its memory, by the number that Linux has for each. */
const LOCAL: ReadonlySet<number> = new Set([
  0xef53, // ext2, ext3, ext4
  0x58465342, // XFS
  0x9123683e, // Btrfs
  0x2fc12fc1, // ZFS
  0xf2f52010, // F2FS
  0xca451a4e, // bcachefs
  0x01021994, // tmpfs
  0x794c7630, // overlay
])

/**
 * Which entries of a folder lie on a local disk: what is known of these comes at once most of the time, and each change of a
 * file shows in its inode number or its time of change. Of network file systems neither is sure, nor of what is mounted below the folder.
 */
export class DiskPlace {
  readonly #device: bigint | undefined

  private constructor (device: bigint | undefined) {
    this.#device = device
  }

  /** That nothing is known of: it is treated as if it were far away. */
  static readonly unknown = new DiskPlace(undefined)

  /** Never fails: what cannot be found out is not local. */
  static async of (folder: string): Promise<DiskPlace> {
    try {
      if (process.platform !== 'linux' || !LOCAL.has((await statfs(folder)).type)) return DiskPlace.unknown
      return new DiskPlace((await lstat(folder, { bigint: true })).dev)
    } catch {
      return DiskPlace.unknown
    }
  }

  /** True for what lies on the folder's own local disk. */
  holds ({ dev }: Pick<BigIntStats, 'dev'>): boolean {
    return dev === this.#device
  }

  /** True if the folder itself does. */
  get isLocal (): boolean {
    return this.#device !== undefined
  }
}
