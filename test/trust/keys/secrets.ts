/** As `openssl rand -base64 48` made them; they open nothing but tests. */
export const SECRET = 'q9c0hJm7vFzP1xQe5YbN2sUoT8rLwKdG4aVi6ZtXyHjMnBpCfEgRkDlWuSOQA3I7'
export const OTHER_SECRET = 'Zk3tV8nQ1mXc7LwB5rHy9PdFs2GjUe6TaJ4oKiRbWqYxNvMhCzDgSfOlEpAu0I8R'
