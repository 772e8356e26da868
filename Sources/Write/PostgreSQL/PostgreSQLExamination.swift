#if canImport(CPostgreSQL)
  import Configuration
  import Records

  /// A look at a server, a table and the user's rights there, without a byte written (`sluice doctor`).
  struct PostgreSQLExamination {
    let address: PostgreSQLAddress
    let target: TableTarget

    private var shown: String { "\(address.shown): \(target.table)" }

    /// Looks at the server, then at the table, as far as each lets it go on.
    ///
    /// - Parameter schema: the fields of the output; nil where no record could be seen.
    func findings(_ schema: Schema?) -> [Finding] {
      do throws(PostgreSQLConnection.Failure) {
        let connection = try PostgreSQLConnection(address, settings: [("default_transaction_read_only", "on")])
        let server = try connection.rows(
          "SELECT current_setting('server_version'), current_user, pg_is_in_recovery()"
        ).first
        let version = server?[0] ?? "", user = server?[1] ?? ""
        if server?[2] == "t" {
          return [
            Finding(
              address.shown, problem: "the server is a standby, which takes no rows", remedy: "name the primary server in write.database")
          ]
        }
        return [Finding("\(address.shown): PostgreSQL \(version) answers, as the user \(user)")] + (try table(schema, user, connection))
          + (try notes(user, connection))
      } catch {
        return [Finding(address.shown, problem: error.message, remedy: remedy(error))]
      }
    }

    private func remedy(_ failure: PostgreSQLConnection.Failure) -> String? {
      if failure.message.contains("password") || failure.message.contains("authentication") {
        return "put the password into the address (postgres://USER:${env:PASSWORD}@HOST/NAME), PGPASSWORD or .pgpass"
      }
      return failure.isConnectionLost ? "is the server there, and does write.database name its host and port?" : nil
    }

    // MARK: The table

    private func table(
      _ schema: Schema?, _ user: String, _ connection: PostgreSQLConnection
    ) throws(PostgreSQLConnection.Failure) -> [Finding] {
      guard let table = try PostgreSQLTable.read(target.table, connection) else {
        return [
          try made(
            PostgreSQLTable.quoted(target.table), "a run makes the table of the output's fields", "the table is not there", user, connection
          )
        ]
      }
      var rights = ["INSERT"]
      switch target.mode {
      case .append: break
      case .merge: rights += ["UPDATE", "SELECT"]
      case .replace: rights.append("DELETE")
      }
      if target.hasProvenance { rights += ["DELETE", "SELECT"] }
      var findings = [try self.rights(rights, on: PostgreSQLTable.quoted(target.table), shown, user, connection)]
      if let schema {
        findings.append(
          table.problem(target, schema).map { Finding(shown, problem: $0) }
            ?? Finding("\(shown): it takes the output's \(schema.fields.count) fields"))
      }
      return findings
    }

    /// Looks at the table in which commits are noted.
    private func notes(_ user: String, _ connection: PostgreSQLConnection) throws(PostgreSQLConnection.Failure) -> [Finding] {
      let notes = PostgreSQLTable.beside(target.table, "sluice_commits")
      if try connection.rows("SELECT to_regclass($1)", notes).first?[0] == nil {
        return [
          try made(
            notes, "a run makes the table sluice_commits beside it", "sluice_commits, in which commits are noted, is not there", user,
            connection)
        ]
      }
      return [try rights(["INSERT", "SELECT", "DELETE"], on: notes, "\(address.shown): sluice_commits", user, connection)]
    }

    private func rights(
      _ rights: [String], on table: String, _ what: String, _ user: String, _ connection: PostgreSQLConnection
    ) throws(PostgreSQLConnection.Failure) -> Finding {
      var missing: [String] = []
      for right in rights where try connection.rows("SELECT has_table_privilege($1, $2)", table, right).first?[0] != "t" {
        missing.append(right)
      }
      let list = rights.joined(separator: ", ")
      if missing.isEmpty { return Finding("\(what): the user may \(list)") }
      let lacks = missing.joined(separator: ", ")
      return Finding(
        what, problem: "the user \(user) may not \(lacks)",
        remedy: "GRANT \(lacks) ON \(table) TO \(PostgreSQLConnection.quoted(user))")
    }

    /// Whether a table that is not there can be made.
    private func made(
      _ table: String, _ words: String, _ problem: String, _ user: String, _ connection: PostgreSQLConnection
    ) throws(PostgreSQLConnection.Failure) -> Finding {
      let named = PostgreSQLTable.schema(target.table)
      let schema = try connection.rows("SELECT coalesce($1, current_schema())", named).first?[0] ?? ""
      guard try connection.rows("SELECT to_regnamespace(quote_ident($1))", schema).first?[0] != nil else {
        return Finding(
          shown, problem: "there is no schema “\(schema)”",
          remedy: "CREATE SCHEMA \(PostgreSQLConnection.quoted(schema)), or name another one")
      }
      if try connection.rows("SELECT has_schema_privilege($1, 'CREATE')", schema).first?[0] == "t" { return Finding("\(shown): \(words)") }
      return Finding(
        shown, problem: "\(problem), and the user \(user) may not make it",
        remedy: "GRANT CREATE ON SCHEMA \(PostgreSQLConnection.quoted(schema)) TO \(PostgreSQLConnection.quoted(user)), or make it yourself"
      )
    }
  }
#endif
