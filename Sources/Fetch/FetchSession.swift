import Configuration
import Synchronization

/// The clients that a run's sources share, with their connections. Each is made when a source first asks for it. Close it at the run's end.
package final class FetchSession: Sendable {
  /// Takes secrets out of keys and messages.
  package let redactor: Redactor
  private let shared = Mutex<[ObjectIdentifier: any SharedClient]>([:])

  /// Makes a session without clients.
  package init(_ redactor: Redactor) { self.redactor = redactor }

  /// Returns the session's client of a type; the first call makes it.
  package func client<Client: SharedClient>(_ type: Client.Type) -> Client {
    shared.withLock { shared in
      if let client = shared[ObjectIdentifier(type)] as? Client { return client }
      let client = Client()
      shared[ObjectIdentifier(type)] = client
      return client
    }
  }

  /// Closes all clients, which cancels their work. A later ``client(_:)`` makes new ones.
  package func close() {
    let clients = shared.withLock { shared in
      defer { shared = [:] }
      return Array(shared.values)
    }
    for client in clients { client.close() }
  }
}

/// A client that the sources of a run share. Any thread may use it.
package protocol SharedClient: AnyObject, Sendable {
  /// Makes a client that is ready for use.
  init()
  /// Cancels its work, and lets its connections go.
  func close()
}
