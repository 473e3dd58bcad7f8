//! AAGUIDs: which model an authenticator says it is, and the names people know the common ones by.
//!
//! Without attestation this is hearsay. It names a passkey in a list and never decides anything.

use std::fmt;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Aaguid([u8; 16]);

impl Aaguid {
    pub const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// As 32 hex digits, with dashes or without.
    pub fn parse(text: &str) -> Option<Self> {
        let plain = text.replace('-', "");
        let digits = plain.len() == 32 && plain.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = digits.then(|| u128::from_str_radix(&plain, 16).ok())??;
        Some(Self(number.to_be_bytes()))
    }

    /// `None` for those that keep it to themselves (all zeros) and for those not in the table.
    pub fn name(&self) -> Option<&'static str> {
        let number = u128::from_be_bytes(self.0);
        let at = NAMES.binary_search_by_key(&number, |(aaguid, _)| *aaguid).ok()?;
        Some(NAMES[at].1)
    }
}

impl fmt::Display for Aaguid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex = data_encoding::HEXLOWER.encode(&self.0);
        let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
        f.write_str(&parts.join("-"))
    }
}

/// Sorted by number. From what makers and the FIDO metadata publish.
#[rustfmt::skip]
const NAMES: &[(u128, &str)] = &[
    (0x08987058_cadc_4b81_b6e1_30de50dcbe96, "Windows Hello"),
    (0x0ea242b4_43c4_4a1b_8b17_dd6d0b6baec6, "Keeper"),
    (0x12ded745_4bed_47d4_abaa_e713f51d6393, "Feitian AllinPass"),
    (0x149a2021_8ef6_4133_96b8_81f8d5b7f1f5, "Security Key NFC by Yubico"),
    (0x17290f1e_c212_34d0_1423_365d729f09d9, "Thales PIN iOS SDK"),
    (0x19083c3d_8383_4b18_bc03_8f1c9ab2fd1b, "YubiKey 5"),
    (0x22248c4c_7a12_46e2_9a41_44291b373a4d, "LogMeOnce"),
    (0x24673149_6c86_42e7_98d9_433fb5b73296, "YubiKey 5Ci"),
    (0x2fc0579f_8113_47ea_b116_bb5a8db9202a, "YubiKey 5 NFC"),
    (0x39a5647e_1853_446c_a1f6_a79bae9f5bc7, "IDmelon"),
    (0x3e22415d_7fdf_4ea4_8a0c_dd60c4249b9d, "Feitian iePass"),
    (0x42b4fb4a_2866_43b2_9bf7_6c6669c2e5d3, "Google Titan Security Key"),
    (0x50726f74_6f6e_5061_7373_50726f746f6e, "Proton Pass"),
    (0x531126d6_e717_415c_9320_3d9aa6981239, "Dashlane"),
    (0x53414d53_554e_4700_0000_000000000000, "Samsung Pass"),
    (0x6028b017_b1d4_4c02_b4b3_afcdafc96bb2, "Windows Hello"),
    (0x66a0ccb3_bd6a_191f_ee06_e375c50b9846, "Thales Bio iOS SDK"),
    (0x6d44ba9b_f6ec_2e49_b930_0c8fe920cb73, "Security Key NFC by Yubico"),
    (0x73bb0cd4_e502_49b8_9c6f_b59445bf720b, "YubiKey 5 FIPS"),
    (0x77010bd7_212a_4fc9_b236_d2ca5e9d4084, "Feitian BioPass"),
    (0x771b48fd_d3d4_4f74_9232_fc157ab0507a, "Edge on Mac"),
    (0x833b721a_ff5f_4d00_bb2e_bdda3ec01e29, "Feitian ePass"),
    (0x85203421_48f9_4355_9bc8_8a53846e5083, "YubiKey 5Ci FIPS"),
    (0x8836336a_f590_0921_301d_46427531eee6, "Thales Bio Android SDK"),
    (0x8876631b_d4a0_427f_5773_0ec71c9e0279, "Solo"),
    (0x891494da_2c90_4d31_a9cd_4eab0aed1309, "Sésame"),
    (0x9ddd1817_af5a_4672_a2b9_3e3dd95000a9, "Windows Hello"),
    (0xa02167b9_ae71_4ac7_9a07_06432ebb6f1c, "YubiKey 5Ci"),
    (0xa10c6dd9_465e_4226_8198_c7c44b91c555, "Kaspersky Password Manager"),
    (0xa25342c0_3cdc_4414_8e46_f4807fca511c, "YubiKey 5 NFC"),
    (0xa4e9fc6d_4cbe_4758_b8ba_37598bb5bbaa, "Security Key NFC by Yubico"),
    (0xadce0002_35bc_c60a_648b_0b25f1f05503, "Chrome on Mac"),
    (0xb35a26b2_8f6e_4697_ab1d_d44db4da28c6, "Zoho Vault"),
    (0xb5397666_4885_aa6b_cebf_e52262a439a2, "Chromium"),
    (0xb78a0a55_6ef8_d246_a042_ba0f6d55050c, "LastPass"),
    (0xb84e4048_15dc_4dd0_8640_f4f60813c8af, "NordPass"),
    (0xb92c3f9a_c014_4056_887f_140a2501163b, "Security Key by Yubico"),
    (0xbada5566_a7aa_401f_bd96_45619a55120d, "1Password"),
    (0xbfc748bb_3429_4faa_b9f9_7cfa9f3b76d0, "iPasswords"),
    (0xc1f9a0bc_1dd2_404a_b27f_8e29047a43fd, "YubiKey 5 NFC FIPS"),
    (0xc5ef55ff_ad9a_4b9f_b580_adebafe026d0, "YubiKey 5Ci"),
    (0xcb69481e_8ff7_4039_93ec_0a2729a154a8, "YubiKey 5"),
    (0xcc45f64e_52a2_451b_831a_4edd8022a202, "ToothPic"),
    (0xcd69adb5_3c7a_deb9_3177_6800ea6cb72a, "Thales PIN Android SDK"),
    (0xd3452668_01fd_4c12_926c_83a4204853aa, "Microsoft Password Manager"),
    (0xd548826e_79b4_db40_a3d8_11116f7e8349, "Bitwarden"),
    (0xd7781e5d_e353_46aa_afe2_3ca49f13332a, "YubiKey 5 NFC"),
    (0xd8522d9f_575b_4866_88a9_ba99fa02f35b, "YubiKey Bio"),
    (0xdd4ec289_e01d_41c9_bb89_70fa845d4bf2, "iCloud Keychain (managed)"),
    (0xdd86a2da_86a0_4cbe_b462_4bd31f57bc6f, "YubiKey Bio"),
    (0xde503f9c_21a4_4f76_b4b7_558eb55c6f89, "Devolutions"),
    (0xea9b8d66_4d01_1d21_3ce4_b6b48cb575d4, "Google Password Manager"),
    (0xeaecdef2_1c31_5634_8639_f1cbd9c00a08, "KeePassDX"),
    (0xee882879_721c_4913_9775_3dfcce97072a, "YubiKey 5"),
    (0xf3809540_7f14_49c1_a8b3_8f813b225541, "Enpass"),
    (0xf8a011f3_8c0a_4d15_8006_17111f9edc7d, "Security Key by Yubico"),
    (0xfa2b99dc_9e39_4257_8f92_4a30d23c4118, "YubiKey 5 NFC"),
    (0xfbfc3007_154e_4ecc_8c0b_6e020557d7bd, "Apple Passwords"),
    (0xfcb1bcb4_f370_078c_6993_bc24d0ae3fbe, "Ledger Nano X"),
    (0xfdb141b2_5d84_443e_8a35_4698c205a502, "KeePassXC"),
    (0xff4dac45_ede8_4ec2_aced_cf66103f4335, "YubiKey 5"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_says_everything_once() {
        assert!(NAMES.is_sorted_by(|(a, _), (b, _)| a < b));
        assert!(NAMES.iter().all(|(aaguid, name)| *aaguid != 0 && !name.is_empty()));
    }

    #[test]
    fn the_common_ones_have_names() {
        let text = "fbfc3007-154e-4ecc-8c0b-6e020557d7bd";
        let apple = Aaguid::parse(text).unwrap();
        assert_eq!((apple.name(), apple.to_string().as_str()), (Some("Apple Passwords"), text));
        assert_eq!(Aaguid::parse(&text.replace('-', "").to_uppercase()), Some(apple));
        assert_eq!(Aaguid::default().name(), None);
        assert_eq!(Aaguid::default().to_string(), "00000000-0000-0000-0000-000000000000");
        for broken in ["", "fbfc3007", "+bfc3007154e4ecc8c0b6e020557d7bd", &text.replace('f', "g")] {
            assert_eq!(Aaguid::parse(broken), None, "{broken}");
        }
    }
}
