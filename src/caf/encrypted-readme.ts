/** What stands in every encrypted archive for whoever has only the archive. */
export const README = `This is a .caf archive: a backup, encrypted with age (https://age-encryption.org).
It opens without the program that made it, with unzip and age 1.0 or later:

    unzip archive.caf -d archive
    cd archive
    age -d identity.age > identity.txt
    age -d -i identity.txt archive.caf.age > plain.caf
    unzip plain.caf -d plain

The first age asks for a passphrase: it is the secret that the backup was made with, the
project's JWT_SECRET. Whoever was named as a recipient leaves that line out and gives their
own key file in the place of identity.txt.

Then plain/graph/restore.sql restores the tables with psql, plain/vectors has snapshots of
Qdrant, plain/matrices NumPy's files, plain/storage the stored files. Delete identity.txt
and plain.caf afterwards: both open this archive without the secret.
`
