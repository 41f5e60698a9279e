/** What stands in every encrypted archive for whoever has only the archive. */
export const README = `This is a .caf archive: a backup, encrypted with age (https://age-encryption.org).
It opens without the program that made it, with unzip and age 1.0 or later:

    unzip archive.caf -d archive
    cd archive
    age -d identity.age > identity.txt
    age -d -i identity.txt manifest.json.age > contents.json
    age -d -i identity.txt entries/0001.age > dag.car

The first age asks for a passphrase: it is the secret that the backup was made with, the
project's JWT_SECRET. Whoever was named as a recipient leaves that line out and gives their
own key file in the place of identity.txt.

contents.json names the entries: the first of its "entries" is entries/0001.age, the second
entries/0002.age, and so on. A path that ends with / is an empty folder. All of them, with jq:

    n=0
    jq -r '.entries[].path' contents.json | while IFS= read -r path; do
      n=$((n + 1))
      case "$path" in
        */) mkdir -p "plain/$path" ;;
        *) mkdir -p "plain/$(dirname "$path")"
           age -d -i identity.txt "$(printf 'entries/%04d.age' "$n")" > "plain/$path" ;;
      esac
    done

Then plain/graph/restore.sql restores the tables with psql, plain/vectors has snapshots of
Qdrant, plain/matrices NumPy's files, plain/storage the stored files. Delete identity.txt
afterwards: it opens this archive without the secret.
`
