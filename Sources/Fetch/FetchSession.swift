import Configuration
import Synchronization

/// What the sources of a run share: clients with their connections, each made when a source first asks for it.
package final class FetchSession: Sendable {
  /// Takes secrets out of what is shown and kept.
  package let redactor: Redactor
  private let shared = Mutex<[ObjectIdentifier: any SharedClient]>([:])

  package init(_ redactor: Redactor) { self.redactor = redactor }

  /// The session's client of a type.
  package func client<Client: SharedClient>(_ type: Client.Type) -> Client {
    shared.withLock { shared in
      if let client = shared[ObjectIdentifier(type)] as? Client { return client }
      let client = Client()
      shared[ObjectIdentifier(type)] = client
      return client
    }
  }

  /// Ends all clients; what they were at is cancelled.
  package func close() {
    let clients = shared.withLock { shared in
      defer { shared = [:] }
      return Array(shared.values)
    }
    for client in clients { client.close() }
  }
}

/// A client that the sources of a run share.
package protocol SharedClient: AnyObject, Sendable {
  init()
  /// Ends what it is at, and lets its connections go.
  func close()
}
