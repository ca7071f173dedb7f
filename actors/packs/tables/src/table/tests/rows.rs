//! What is a row, what is none, and which columns are rows.

use super::{shown, table, told};
use crate::note::NoteKind;

#[test]
fn what_is_no_row_is_left_out_and_named() {
    // text, the rows that stay, what is told
    for (text, expected, kind, says) in [
        (
            "region,revenue\nNorth,10\nNorth,15\nNorth Total,25\nSouth,20\nSouth Total,20\nGrand Total,45\n",
            "region|revenue\nNorth|10\nNorth|15\nSouth|20",
            NoteKind::Total,
            "lines 4, 6 and 7 (\"North Total\", \"South Total\", \"Grand Total\") add up other rows and are left out",
        ),
        (
            "region,revenue\nNorth,10\nSouth,20\nTotal,30\n",
            "region|revenue\nNorth|10\nSouth|20",
            NoteKind::Total,
            "line 4 (\"Total\") adds up other rows and is left out",
        ),
        (
            "Monat;Umsatz\nJanuar;1.000,50\nFebruar;2.000,25\nSumme;3.000,75\n",
            "Monat|Umsatz\nJanuar|1000.5\nFebruar|2000.25",
            NoteKind::Total,
            "line 4 (\"Summe\") adds up other rows and is left out",
        ),
        (
            "month,region,sales\n2025-01,North,5\n2025-01,South,7\n2025-01,Total,12\n2025-02,South,1\n2025-02,Total,3\n2025-02,North,2\n",
            "month|region|sales\n2025-01-01|North|5\n2025-01-01|South|7\n2025-02-01|South|1\n2025-02-01|North|2",
            NoteKind::Total,
            "lines 4 and 6 (\"Total\") add up other rows and are left out",
        ),
        (
            "region,revenue\nEurope total,30\nFrance,10\nSpain,20\nAsia total,5\nJapan,5\n",
            "region|revenue\nFrance|10\nSpain|20\nJapan|5",
            NoteKind::Total,
            "lines 2 and 5 (\"Europe total\", \"Asia total\") add up other rows and are left out",
        ),
        (
            "region,revenue\nNorth,10\nSouth,20\nWest,4\n,34\n",
            "region|revenue\nNorth|10\nSouth|20\nWest|4",
            NoteKind::Total,
            "line 5 adds up other rows and is left out",
        ),
        (
            "date,sales\n2025-01-01,10\n2025-01-02,20\nTotal,30\nAverage,15\n",
            "date|sales\n2025-01-01|10\n2025-01-02|20",
            NoteKind::Statistic,
            "line 5 (\"Average\") holds a statistic of other rows and is left out",
        ),
        (
            "date,sales\n2025-01-01,5\n2025-01-02,7\n2025-01-03,1\n,13\n",
            "date|sales\n2025-01-01|5\n2025-01-02|7\n2025-01-03|1",
            NoteKind::Total,
            "line 5 adds up other rows and is left out",
        ),
        (
            "x,n\na,1\nb,4\nCount,2\n",
            "x|n\na|1\nb|4",
            NoteKind::Statistic,
            "line 4 (\"Count\") holds a statistic of other rows and is left out",
        ),
        (
            "region,revenue\nNorth,10\nSouth,20\nTotal,31\n",
            "region|revenue\nNorth|10\nSouth|20",
            NoteKind::Total,
            "line 4 says \"Total\" and is left out, but its values are not the sums of the rows; the sums of the rows are used",
        ),
        (
            "brand,stations\nShell,10\nTotal,50\nEsso,20\n",
            "brand|stations\nShell|10\nTotal|50\nEsso|20",
            NoteKind::NoTotal,
            "line 3 says \"Total\" but is not the sum of other rows, so it is counted as data",
        ),
        (
            "item,amount\nTotal revenue,10\nTotal cost,4\nTotal profit,6\n",
            "item|amount\nTotal revenue|10\nTotal cost|4\nTotal profit|6",
            NoteKind::NoTotal,
            "",
        ),
        (
            "Sales report\nmade in June\n\na,b\nx,1\ny,2\n",
            "a|b\nx|1\ny|2",
            NoteKind::Title,
            "lines 1 to 2 above the header are no data: \"Sales report\", \"made in June\"",
        ),
        (
            "a,b\nx,1\ny,2\n\nSource: the office\n* preliminary\n",
            "a|b\nx|1\ny|2",
            NoteKind::Footnote,
            "lines 5 to 6 are no rows of the table: \"Source: the office\", \"* preliminary\"",
        ),
        (
            "a,b\nx,1\na,b\ny,2\na,b\nz,3\n",
            "a|b\nx|1\ny|2\nz|3",
            NoteKind::RepeatedHeader,
            "the header stands again on lines 3 and 5; left out",
        ),
        (
            "name,weight\n,kg\nx,2\ny,4\n",
            "name|weight\nx|2\ny|4",
            NoteKind::Units,
            "line 2 holds the units of the columns",
        ),
        (
            "a,b\nx,1\n---,---\ny,2\n",
            "a|b\nx|1\ny|2",
            NoteKind::Blank,
            "rows without any value are left out: 1",
        ),
        (
            "a,b,c\nx,1,2\ny,3\nz,4,5\n",
            "a|b|c\nx|1|2\ny|3|NULL\nz|4|5",
            NoteKind::Ragged,
            "rows with fewer cells than the header: 1 (line 3); the cells they lack count as missing",
        ),
        (
            "section,team,members\nTrack,T-1,10\n,T-2,28\n,T-3,63\nField,F-1,76\n,F-2,17\n",
            "section|team|members\nTrack|T-1|10\nTrack|T-2|28\nTrack|T-3|63\nField|F-1|76\nField|F-2|17",
            NoteKind::Header,
            "column \"section\": 3 blank cells are read as the label above them, which is written once for the rows below",
        ),
    ] {
        let table = table(text).unwrap();
        assert_eq!(shown(&table), expected, "{text}");
        let told = told(&table, kind);
        assert_eq!(told.first().map_or("", String::as_str), says, "{text}");
    }
}

#[test]
fn columns_that_are_periods_become_rows() {
    for (text, expected) in [
        (
            "region,Jan,Feb,Mar\nNorth,1,2,3\nSouth,4,,6\n",
            "region|month|value\nNorth|Jan|1\nNorth|Feb|2\nNorth|Mar|3\nSouth|Jan|4\nSouth|Mar|6",
        ),
        (
            "country,2023,2024\nFrance,1.5,2.5\nSpain,3,4\n",
            "country|year|value\nFrance|2023-01-01|1.5\nFrance|2024-01-01|2.5\nSpain|2023-01-01|3\nSpain|2024-01-01|4",
        ),
        (
            "product,Q1,Q2,Q3,Q4,Total\nA,1,2,3,4,10\nB,5,6,7,8,26\nTotal,6,8,10,12,36\n",
            "product|quarter|value\nA|Q1|1\nA|Q2|2\nA|Q3|3\nA|Q4|4\nB|Q1|5\nB|Q2|6\nB|Q3|7\nB|Q4|8",
        ),
        (
            "Umsatz je Filiale;;;\nFiliale;Januar;Februar;März\nJena;1,5;2,5;3,5\nUlm;4;5;6\n",
            "Filiale|Monat|umsatz\nJena|Januar|1.5\nJena|Februar|2.5\nJena|März|3.5\nUlm|Januar|4\nUlm|Februar|5\nUlm|März|6",
        ),
        (
            "shop,Revenue 2023,Revenue 2024,Cost 2023,Cost 2024\nA,10,11,1,2\nB,20,21,3,4\n",
            "shop|year|Revenue|Cost\nA|2023-01-01|10|1\nA|2024-01-01|11|2\nB|2023-01-01|20|3\nB|2024-01-01|21|4",
        ),
        (
            "site,2024-01,2024-02,2024-03\nA,1,2,3\n",
            "site|month|value\nA|2024-01-01|1\nA|2024-02-01|2\nA|2024-03-01|3",
        ),
        (
            "Metric,Q1,Q2,Q3\nRevenue,10,20,30\nCost,5,6,7\n",
            "quarter|Revenue|Cost\nQ1|10|5\nQ2|20|6\nQ3|30|7",
        ),
        (
            "name,Q1,Q2,Q3,Q4,Q5\nA,1,2,3,4,5\n",
            "name|Q1|Q2|Q3|Q4|Q5\nA|1|2|3|4|5",
        ),
        (
            "region,revenue,cost\nN,1,2\nS,3,4\n",
            "region|revenue|cost\nN|1|2\nS|3|4",
        ),
    ] {
        let table = table(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(
            shown(&table),
            expected,
            "{text}: {:?}",
            table.profile.warnings
        );
    }
    let table = table("product,Q1,Q2,Q3,Total\nA,1,2,3,6\nB,5,6,7,18\n").unwrap();
    let long = table.profile.unpivoted.clone().unwrap();
    assert_eq!(
        (long.name.as_str(), long.values.len(), long.sums.join(" ")),
        ("quarter", 1, "Total".to_owned())
    );
    assert_eq!(table.lines.get(2), Some(2));
    assert_eq!(table.lines.get(3), Some(3));
}
