//! What it means that a stream broke.

use std::io;

use tokio_rustls::rustls;

use super::error::{Error, PeerText};

/// What broke a stream: TLS, by its own finding or the peer's alert, or the network.
///
/// Certificates that are not taken, and sides that share no version or cipher, stay so. All else that
/// TLS finds wrong is as well what one flipped bit makes of an honest peer.
pub(super) fn broken(error: io::Error) -> Error {
    match error.get_ref().and_then(|fault| fault.downcast_ref::<rustls::Error>()) {
        Some(fault) if is_refusal(fault) => Error::Tls(PeerText::new(&fault.to_string())),
        Some(fault) => Error::TlsDamaged(PeerText::new(&fault.to_string())),
        None => error.into(),
    }
}

fn is_refusal(fault: &rustls::Error) -> bool {
    use rustls::{AlertDescription as Alert, CertificateError, Error as Fault};
    match fault {
        Fault::InvalidCertificate(CertificateError::BadEncoding | CertificateError::BadSignature) => false,
        Fault::InvalidCertificate(_)
        | Fault::NoCertificatesPresented
        | Fault::UnsupportedNameType
        | Fault::InvalidCertRevocationList(_)
        | Fault::PeerIncompatible(_) => true,
        Fault::AlertReceived(alert) => matches!(
            alert,
            Alert::BadCertificate
                | Alert::UnsupportedCertificate
                | Alert::CertificateRevoked
                | Alert::CertificateExpired
                | Alert::CertificateUnknown
                | Alert::CertificateRequired
                | Alert::UnknownCA
                | Alert::AccessDenied
                | Alert::HandshakeFailure
                | Alert::ProtocolVersion
                | Alert::InsufficientSecurity
        ),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use rustls::{AlertDescription, CertificateError, Error as Fault};

    use super::*;

    #[test]
    fn a_certificate_that_is_not_taken_is_final_and_what_one_flipped_bit_makes_is_not() {
        let broken = |fault: Fault| broken(io::Error::other(fault));
        for fault in [
            Fault::InvalidCertificate(CertificateError::UnknownIssuer),
            Fault::InvalidCertificate(CertificateError::Expired),
            Fault::AlertReceived(AlertDescription::UnknownCA),
            Fault::AlertReceived(AlertDescription::CertificateRequired),
            Fault::AlertReceived(AlertDescription::ProtocolVersion),
        ] {
            assert!(matches!(broken(fault.clone()), Error::Tls(_)), "{fault}");
        }
        for fault in [
            Fault::DecryptError,
            Fault::InvalidCertificate(CertificateError::BadSignature),
            Fault::AlertReceived(AlertDescription::BadRecordMac),
            Fault::AlertReceived(AlertDescription::DecodeError),
        ] {
            assert!(matches!(broken(fault.clone()), Error::TlsDamaged(_)), "{fault}");
        }
        assert_eq!(
            super::broken(io::ErrorKind::ConnectionReset.into()),
            io::Error::from(io::ErrorKind::ConnectionReset).into()
        );
    }
}
