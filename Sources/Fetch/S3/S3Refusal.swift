/// S3's refusal in the place of an object or a listing, with the user's remedy.
struct S3Refusal {
  let head: HTTPHead
  /// S3's own name for the error; empty where the answer has none.
  let code: String
  private let message: String
  private let region: String?

  /// - Parameter body: XML, as a rule. A HEAD has none.
  init(_ head: HTTPHead, _ body: [UInt8]) {
    self.head = head
    let document = S3XML.parse(body)
    let error = document?.name == "Error" ? document : document?.children.first { $0.name == "Error" }
    code = error?["Code"] ?? ""
    message = String((error?["Message"] ?? "").prefix(200))
    region = error?["Region"] ?? head.value("x-amz-bucket-region") ?? error?["Endpoint"].flatMap(Self.region(ofHost:))
  }

  /// `eu-west-1` of `bucket.s3-eu-west-1.amazonaws.com` and `bucket.s3.eu-west-1.amazonaws.com`.
  private static func region(ofHost host: String) -> String? {
    guard let end = host.range(of: ".amazonaws.com")?.lowerBound, let start = host[..<end].range(of: "s3", options: .backwards)?.upperBound
    else { return nil }
    let region = host[start..<end].drop { $0 == "." || $0 == "-" }
    return region.isEmpty ? nil : String(region)
  }

  /// Returns the error that ends the item or the listing.
  func error(_ place: S3Place, _ object: S3Object) -> FetchError {
    // A status that says whether another try may help, where S3's own does not.
    let status = code == "RequestTimeout" ? 408 : code == "SlowDown" ? 503 : head.status
    let own = message.isEmpty ? "" : " (the server's words: \(message))"
    return .refused(
      "the server answers \(head.status)\(code.isEmpty ? "" : " \(code)")\(remedy(place, object))\(own)", status,
      retryAfter: head.retryAfter)
  }

  private func remedy(_ place: S3Place, _ object: S3Object) -> String {
    let origin = place.credentials?.origin
    switch code {
    case "SignatureDoesNotMatch":
      return ": the secret key of \(origin ?? "nobody") does not fit its access key; copy both again"
    case "InvalidAccessKeyId", "UnrecognizedClientException":
      return ": it does not know the access key of \(origin ?? "nobody"); check it, and whether it is for \(place.endpointName)"
    case "ExpiredToken", "TokenRefreshRequired":
      return ": the session token of \(origin ?? "nobody") has expired; get new credentials, then resume"
    case "InvalidToken": return ": the session token of \(origin ?? "nobody") is none that belongs to the access key"
    case "NoSuchBucket": return ": there is no bucket “\(object.bucket)” at \(place.endpointName); check its name and the endpoint"
    case "NoSuchKey": return ": there is no such object"
    case "RequestTimeTooSkewed": return ": the clock of this machine is wrong; set it (timedatectl)"
    case "SlowDown", "ServiceUnavailable": return ": it wants fewer requests; lower fetch.workers if it stays so"
    case "InvalidObjectState": return ": the object is in an archive class as Glacier; restore it first"
    case "PermanentRedirect", "TemporaryRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException":
      return wrongRegion(place, object)
    default: break
    }
    switch head.status {
    case 301, 307: return wrongRegion(place, object)
    case 400 where region != nil && region != place.region: return wrongRegion(place, object)
    case 401, 403:
      guard let origin else {
        return
          ": no credentials were found, and it lets nobody in without; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or profile or access_key and secret_key in fetch.from"
      }
      return
        ": the credentials of \(origin) may not do this; they need s3:ListBucket on the bucket “\(object.bucket)” and s3:GetObject on what is in it"
    case 404: return ": there is nothing at this address"
    default: return ""
    }
  }

  private func wrongRegion(_ place: S3Place, _ object: S3Object) -> String {
    guard let region, region != place.region else {
      return ": the bucket “\(object.bucket)” is somewhere else than at \(place.endpointName); write its region or endpoint in fetch.from"
    }
    return
      ": the bucket “\(object.bucket)” is in the region \(region), and was asked for in \(place.region); write region: \(region) in fetch.from"
  }
}
